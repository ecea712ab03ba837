// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { bePresent } from "../src/kernel/presence";

let said: string[];
let hidden = false;
const link = { hello: () => void said.push("hello"), bye: () => void said.push("bye") };

function look(isHidden: boolean): void {
  hidden = isHidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  said = [];
  hidden = false;
  vi.useFakeTimers();
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a page that shows a panel", () => {
  test("is told nothing while nobody looks at it for long", () => {
    const leave = bePresent(link);
    look(true);
    vi.advanceTimersByTime(59_000);
    look(false);
    expect(said).toEqual(["hello"]);
    look(true);
    vi.advanceTimersByTime(61_000);
    look(false);
    expect(said).toEqual(["hello", "bye", "hello"]);
    leave();
    expect(said).toEqual(["hello", "bye", "hello", "bye"]);
  });

  test("says bye when it is closed, once", () => {
    const leave = bePresent(link);
    window.dispatchEvent(new Event("pagehide"));
    leave();
    look(false);
    expect(said).toEqual(["hello", "bye"]);
  });
});
