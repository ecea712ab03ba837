/** Whether the picture of this output is one of ours. */
export function isOurs(html: unknown): boolean {
  const text: unknown = Array.isArray(html) ? html.join("") : html;
  return typeof text === "string" && /class="nxp-/.test(text);
}
