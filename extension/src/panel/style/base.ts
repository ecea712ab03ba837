/** Colours, type and the small parts. JupyterLab's variables first, then VS Code's, then our own. */
export const BASE = `
.nxp-Root { height: 100%; container-type: inline-size; }
.nxp-Panel {
  --nxp-own-bg: #ffffff; --nxp-own-ink: #1d232b; --nxp-own-line: #dfe3e8; --nxp-own-link: #1f6fb2;
  --nxp-bg: var(--jp-layout-color1, var(--vscode-editor-background, var(--nxp-own-bg)));
  --nxp-ink: var(--jp-ui-font-color1, var(--vscode-foreground, var(--nxp-own-ink)));
  --nxp-soft: color-mix(in srgb, var(--nxp-ink) 68%, var(--nxp-bg));
  --nxp-line: color-mix(in srgb, var(--nxp-ink) 13%, var(--nxp-bg));
  --nxp-edge: color-mix(in srgb, var(--nxp-ink) 24%, var(--nxp-bg));
  --nxp-well: color-mix(in srgb, var(--nxp-ink) 6%, var(--nxp-bg));
  --nxp-link: var(--jp-content-link-color, var(--vscode-textLink-foreground, var(--nxp-own-link)));
  --nxp-bad: color-mix(in srgb, #c8400b 76%, var(--nxp-ink));
  --nxp-focus: var(--jp-brand-color1, var(--vscode-focusBorder, #2b83ca));
  --nxp-mono: var(--jp-code-font-family, ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace);
  position: relative; box-sizing: border-box; display: flex; flex-direction: column; overflow: hidden;
  height: 700px; border: 1px solid var(--nxp-line); border-radius: 8px;
  background-color: var(--nxp-bg); color: var(--nxp-ink); text-align: left;
  font: 13px/18px var(--jp-ui-font-family, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif);
  font-variant-numeric: tabular-nums;
}
@media (prefers-color-scheme: dark) {
  .nxp-Panel { --nxp-own-bg: #14181d; --nxp-own-ink: #e3e7ec; --nxp-own-line: #2c333c; --nxp-own-link: #6cb2ee; }
}
.nxp-Panel.nxp-mod-tab { height: 100%; border: 0; border-radius: 0; }
.nxp-Panel *, .nxp-Panel *::before, .nxp-Panel *::after { box-sizing: border-box; }
.nxp-Panel :where(h2, h3, h4, p, ul, dl, dd, pre) { margin: 0; padding: 0; font: inherit; color: inherit; }
.nxp-Panel :focus { outline: none; }
.nxp-Panel :focus-visible { outline: 2px solid var(--nxp-focus); outline-offset: 1px; }
.nxp-soft { color: var(--nxp-soft); }
.nxp-mono { font-family: var(--nxp-mono); font-size: 12px; }
.nxp-error { color: var(--nxp-bad); }
.nxp-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.nxp-Row { display: flex; align-items: center; gap: 6px; min-width: 0; }
.nxp-Empty { padding: 18px 12px; color: var(--nxp-soft); text-align: center; }

.nxp-Panel :where(button, input, select) { font: inherit; color: inherit; margin: 0; }
.nxp-Button { height: 24px; padding: 0 9px; border: 1px solid var(--nxp-edge); border-radius: 5px;
  background: transparent; cursor: pointer; white-space: nowrap; flex: none; font-size: 12px; line-height: 16px; }
.nxp-Button:hover:not(:disabled) { background: var(--nxp-well); border-color: var(--nxp-soft); }
.nxp-Button:disabled { opacity: .45; cursor: default; }
.nxp-Button[aria-pressed="true"], .nxp-Switch [aria-pressed="true"] { background: var(--nxp-well); border-color: var(--nxp-soft); font-weight: 600; }
.nxp-Button.nxp-mod-icon { width: 24px; padding: 0; font-size: 14px; }
.nxp-Button.nxp-mod-main { background: var(--nxp-ink); border-color: var(--nxp-ink); color: var(--nxp-bg); }
.nxp-Button.nxp-mod-grave { border-color: var(--nxp-bad); color: var(--nxp-bad); font-weight: 600; }
.nxp-Link { padding: 0; border: 0; background: none; color: var(--nxp-link); cursor: pointer; text-align: left;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 100%; }
.nxp-Link:hover { text-decoration: underline; }
.nxp-Input, .nxp-Select { height: 24px; padding: 0 7px; border: 1px solid var(--nxp-edge); border-radius: 5px;
  background: var(--nxp-bg); font-size: 12px; min-width: 0; }
.nxp-Input { flex: 1 1 220px; max-width: 300px; }
.nxp-Input::placeholder { color: var(--nxp-soft); opacity: 1; }
.nxp-Select { flex: 0 1 110px; width: 110px; padding-right: 2px; }
.nxp-Select option { background: var(--nxp-bg); color: var(--nxp-ink); }
.nxp-Switch { display: inline-flex; flex: none; }
.nxp-Switch button { height: 24px; padding: 0 8px; border: 1px solid var(--nxp-edge); background: transparent; cursor: pointer;
  font-size: 12px; color: var(--nxp-soft); }
.nxp-Switch button:first-child { border-radius: 5px 0 0 5px; }
.nxp-Switch button:last-child { border-radius: 0 5px 5px 0; margin-left: -1px; }
.nxp-Switch [aria-pressed="true"] { color: var(--nxp-ink); font-weight: 400; position: relative; }
.nxp-Confirm { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }

.nxp-Dot { display: inline-block; width: 8px; height: 8px; flex: none; border-radius: 50%; background: var(--c); }
.nxp-Dot.nxp-mod-ring { background: none; box-shadow: inset 0 0 0 2px var(--c); }
.nxp-State { display: inline-flex; align-items: center; gap: 6px; }
.nxp-Gauge { display: inline-block; width: 64px; height: 6px; flex: none; border-radius: 3px; overflow: hidden;
  background: var(--nxp-line); }
.nxp-Gauge > i { display: block; height: 100%; background: var(--c); transition: width .4s linear; }
.nxp-StateBar { display: flex; gap: 1px; height: 5px; border-radius: 3px; overflow: hidden; background: var(--nxp-line); }
.nxp-StateBar > i { min-width: 2px; background: var(--c); transition: flex-grow .4s ease; }
.nxp-StateBar > i.nxp-mod-open { opacity: .35; }

.nxp-Tip { position: absolute; z-index: 30; display: flex; flex-direction: column; max-width: 320px; padding: 7px 10px;
  border-radius: 6px; background: #232931; color: #eef1f4; font-size: 12px; line-height: 17px; pointer-events: none;
  box-shadow: 0 2px 10px rgba(0, 0, 0, .25); white-space: nowrap; }
.nxp-Tip > * { overflow: hidden; text-overflow: ellipsis; }

.nxp-Note { position: absolute; z-index: 50; right: 10px; bottom: 5px; max-width: calc(100% - 20px); padding: 3px 12px; border-radius: 6px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 12px; background: #232931; color: #eef1f4;
  box-shadow: 0 2px 10px rgba(0, 0, 0, .25); }
.nxp-Note:empty { visibility: hidden; }
.nxp-Note.nxp-mod-bad { background: #8a2a06; color: #ffffff; }
@media (prefers-reduced-motion: reduce) {
  .nxp-Panel *, .nxp-Panel *::before { transition: none !important; animation: none !important; }
}
`;
