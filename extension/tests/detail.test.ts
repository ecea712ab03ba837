import { describe, expect, test } from "vitest";

import { appended, NO_LOG, preview, sealed } from "../src/panel/model/detail";

describe("a log", () => {
  test("grows by its pieces", () => {
    const one = appended(NO_LOG, { epoch: 1, start: 0, end: 4, text: "abc\n", is_open: true });
    const two = appended(one, { epoch: 1, start: 4, end: 6, text: "d\n", is_open: false });
    expect(two).toEqual({ epoch: 1, end: 6, text: "abc\nd\n", isOpen: false });
  });

  test("says what was not kept", () => {
    const log = appended(NO_LOG, { epoch: 1, start: 100, end: 103, text: "abc", is_open: true });
    expect(log.text).toBe("… 100 bytes were not kept …\nabc");
  });

  test("of another attempt begins anew", () => {
    const one = appended(NO_LOG, { epoch: 1, start: 0, end: 3, text: "abc", is_open: true });
    expect(appended(one, { epoch: 2, start: 0, end: 1, text: "x", is_open: true }).text).toBe("x");
  });

  test("keeps the page light", () => {
    const long = "a line of text\n".repeat(50_000);
    const log = appended(NO_LOG, { epoch: 1, start: 0, end: long.length, text: long, is_open: true });
    expect(log.text.length).toBeLessThanOrEqual(400_000);
    expect(log.text.startsWith("a line")).toBe(true);
  });
});

describe("a result", () => {
  test("that only the kernel may open is told by its size", () => {
    expect(sealed({ format: "pickle", size: 120 })).toEqual({ format: "pickle", size: 120 });
    expect(sealed({ format: 3 })).toBeNull();
    expect(sealed(7)).toBeNull();
  });

  test("is shown as JSON, and cut", () => {
    expect(preview({ a: 1 })).toBe('{\n  "a": 1\n}');
    expect(preview("x".repeat(30_000))).toMatch(/10000 more letters$/);
  });
});
