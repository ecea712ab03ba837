/** A page that nobody has looked at for so long need not be told anything. */
const AWAY_MS = 60_000;

interface Greeter {
  hello(): void;
  bye(): void;
}

/** Say hello now and whenever the page is looked at again; bye when it is put away or closed. */
export function bePresent(link: Greeter): () => void {
  let isHere = true;
  let away: ReturnType<typeof setTimeout> | undefined;
  const leave = (): void => {
    clearTimeout(away);
    if (isHere) link.bye();
    isHere = false;
  };
  const look = (): void => {
    clearTimeout(away);
    if (document.hidden) away = setTimeout(leave, AWAY_MS);
    else if (!isHere) {
      isHere = true;
      link.hello();
    }
  };
  link.hello();
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("pagehide", leave);
    window.removeEventListener("pageshow", look);
    leave();
  };
}
