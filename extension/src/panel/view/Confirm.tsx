import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: string;
  /** What will happen, asked back before it does. */
  question: string;
  disabled?: boolean;
  onConfirm: () => Promise<void>;
}

/** A button that asks once more in its own place: no dialog, nothing moves. */
export function Confirm({ label, question, disabled, onConfirm }: Props): JSX.Element {
  const [step, setStep] = useState<"idle" | "asks" | "acts">("idle");
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (step === "asks") yes.current?.focus();
  }, [step]);
  if (step === "idle") {
    return (
      <button type="button" class="nxp-Button" disabled={disabled} onClick={() => setStep("asks")}>
        {label}
      </button>
    );
  }
  const act = async (): Promise<void> => {
    setStep("acts");
    await onConfirm();
    setStep("idle");
  };
  return (
    <span
      class="nxp-Confirm"
      role="group"
      aria-label={question}
      onKeyDown={(event) => event.key === "Escape" && setStep("idle")}
    >
      <span>{question}</span>
      <button ref={yes} type="button" class="nxp-Button nxp-mod-grave" disabled={step === "acts"} onClick={() => void act()}>
        Yes
      </button>
      <button type="button" class="nxp-Button" disabled={step === "acts"} onClick={() => setStep("idle")}>
        No
      </button>
    </span>
  );
}
