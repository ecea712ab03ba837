import { useState } from "preact/hooks";

let given = 0;

/** An id for this element alone: several panels may stand on one page, each its own root. */
export function useUid(): string {
  return useState(() => `nxp-${(given += 1)}`)[0];
}
