/** The code that goes into cells. */

export function launchCode(name: string, localNodes: number): string {
  const nodes = localNodes > 0 ? `, local_nodes=${localNodes}` : "";
  return `import nexapod\n\nfleet = nexapod.launch(${JSON.stringify(name)}${nodes})\nfleet`;
}

export function connectCode(name: string): string {
  return `import nexapod\n\nfleet = nexapod.connect(${JSON.stringify(name)})\nfleet`;
}
