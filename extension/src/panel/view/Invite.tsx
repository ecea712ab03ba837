import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { usePanel } from "./context";

/** The one line that another machine needs, shown over the panel until it is closed. */
export function Invite(): JSX.Element {
  const { actions } = usePanel();
  const [line, setLine] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const ask = async (): Promise<void> => {
    setAsking(true);
    setLine(await actions.invite());
    setAsking(false);
  };
  const close = (): void => setLine(null);
  return (
    <div class="nxp-Invite" onKeyDown={(event) => event.key === "Escape" && close()}>
      <button
        type="button"
        class="nxp-Button"
        disabled={asking}
        aria-expanded={line !== null}
        onClick={() => (line === null ? void ask() : close())}
      >
        Invite a node
      </button>
      {line !== null && (
        <div class="nxp-Invite-card" role="group" aria-label="Invite a node">
          <p>Paste this line on the machine that shall join. It holds a secret: whoever has it can join.</p>
          <code tabIndex={0}>{line}</code>
          <div class="nxp-Row">
            <button type="button" class="nxp-Button nxp-mod-main" onClick={() => void actions.copy(line, "Copied the line")}>
              Copy
            </button>
            <button type="button" class="nxp-Button" onClick={close}>
              Close
            </button>
          </div>
        </div>
      )}
    </div>
  );
}
