import { describe, expect, test } from "vitest";

import { bytes, clock, count, duration, number, percent, plural, rate, remaining, ticking } from "../src/panel/model/format";

describe("words", () => {
  test("counts have thousands and plurals", () => {
    expect([count(999), count(1240), count(1234567)]).toEqual(["999", "1,240", "1,234,567"]);
    expect([plural(1, "job"), plural(0, "job"), plural(1240, "job")]).toEqual(["1 job", "0 jobs", "1,240 jobs"]);
  });

  test.each([
    [null, "–"], [NaN, "–"], [0, "0 s"], [0.0001, "<1 ms"], [0.042, "42 ms"], [0.42, "0.42 s"], [4.2, "4.2 s"],
    [42.4, "42 s"], [192, "3 min 12 s"], [7500, "2 h 05 min"], [273600, "3 d 4 h"],
  ])("%s seconds last %s", (seconds, words) => expect(duration(seconds)).toBe(words));

  test("a narrow clock does not change its width with the unit", () => {
    expect([clock(9.04), clock(59.7), clock(192), clock(7509), clock(NaN)]).toEqual(["9.0 s", "1:00", "3:12", "2:05:09", ""]);
  });

  test("what still runs ticks in whole seconds", () => {
    expect([ticking(5.7), clock(5.7, true), clock(200.2, true)]).toEqual(["5 s", "5 s", "3:20"]);
  });

  test("the time left is rounded so that it does not flicker", () => {
    expect([5, 41, 200, 2000, 8000, null].map(remaining)).toEqual([
      "a few seconds", "about 50 s", "about 3½ min", "about 35 min", "about 2½ h", "",
    ]);
  });

  test("slow rates are told per minute or hour", () => {
    expect([12.4, 0.05, 0.001, 0, null].map((value) => rate(value).join(" "))).toEqual([
      "12 jobs/s", "3.0 jobs/min", "3.6 jobs/h", "0 jobs/s", "– jobs/s",
    ]);
  });

  test("sizes, numbers and shares are short", () => {
    expect([bytes(512), bytes(4096), bytes(16 * 2 ** 30), bytes(null)]).toEqual(["512 B", "4.0 KiB", "16 GiB", "–"]);
    expect([number(0.123456), number(-12084.3), number(50000), number(1.5e-9)]).toEqual(["0.12346", "−12084", "50,000", "1.500e-9".replace("-", "−")]);
    expect([percent(999, 1000), percent(10, 10), percent(1, 0)]).toEqual(["99 %", "100 %", "–"]);
  });
});
