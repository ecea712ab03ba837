/** Words that stand in many rows (states, nodes, sweeps) as small numbers, so that columns of them are typed. */
export class Words {
  readonly list: string[] = [];
  private readonly codes = new Map<string, number>();

  /** The code of `word`; -1 for none. */
  code(word: string | null): number {
    if (word === null) return -1;
    let code = this.codes.get(word);
    if (code === undefined) {
      code = this.list.push(word) - 1;
      this.codes.set(word, code);
    }
    return code;
  }

  /** The code of a word that is known already; -1 when it is not. */
  find(word: string): number {
    return this.codes.get(word) ?? -1;
  }

  word(code: number): string | null {
    return code < 0 ? null : (this.list[code] ?? null);
  }
}
