import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { refusal } from "../actions";
import { appended, type LogPiece, NO_LOG } from "../model/detail";
import { usePanel } from "./context";
import { Part } from "./Drawer";

const POLL_MS = 1000;

/** What a job printed; follows while it runs, unless the reader has scrolled up. */
export function JobLog({ id, revision }: { id: string; revision: string }): JSX.Element {
  const { store, isSeen } = usePanel();
  const [log, setLog] = useState(NO_LOG);
  const [words, setWords] = useState("");
  const held = useRef(log);
  held.current = log;
  const pre = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => {
    if (!isSeen) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const poll = async (): Promise<void> => {
      const after = Math.max(0, held.current.end);
      const path = `/jobs/${encodeURIComponent(id)}/log?after=${after}`;
      const answer = await store.ask("GET", path).catch(() => null);
      if (isOver) return;
      if (answer?.status === 200) {
        const piece = answer.body as LogPiece;
        const next = appended(held.current, piece);
        if (piece.epoch !== held.current.epoch && after > 0) {
          // Another attempt began: its output is read from its own first byte.
          setLog(NO_LOG);
          held.current = NO_LOG;
        } else if (piece.end !== held.current.end || piece.is_open !== held.current.isOpen) {
          setLog(next);
        }
        setWords(next.text ? "" : piece.is_open ? "Nothing printed yet." : "It printed nothing.");
        if (!piece.is_open && held.current !== NO_LOG) return;
      } else {
        // What does not answer now (a cell can hold the interpreter) may do so later.
        const isRefused = answer !== null && answer.status < 500;
        setWords(isRefused || !answer ? "No output is kept." : refusal(answer));
        if (isRefused) return;
      }
      timer = setTimeout(() => void poll(), POLL_MS);
    };
    void poll();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [id, revision, isSeen]);

  useLayoutEffect(() => {
    if (isAtEnd.current && pre.current) pre.current.scrollTop = pre.current.scrollHeight;
  }, [log]);

  return (
    <Part title={log.isOpen && log.text ? "Output, live" : "Output"}>
      {log.text ? (
        <pre
          ref={pre}
          class="nxp-Text nxp-Log"
          tabIndex={0}
          aria-label="Output of the job"
          onScroll={({ currentTarget: box }) => {
            isAtEnd.current = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
          }}
        >
          {log.text}
        </pre>
      ) : (
        <p class="nxp-soft">{words}</p>
      )}
    </Part>
  );
}
