/** Server-sent events, piece by piece: what `fetch` gives of a stream has no regard for lines. */

export class EventReader {
  private rest = "";
  private data: string[] = [];

  /** The data of every event that this piece of text completes. */
  read(piece: string): string[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    const found: string[] = [];
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith("data:")) {
        this.data.push(line.slice(line[5] === " " ? 6 : 5));
      } else if (line === "" && this.data.length > 0) {
        found.push(this.data.join("\n"));
        this.data = [];
      }
    }
    return found;
  }
}
