/** A sweep's own view. */
export const SWEEP = `
`;
