import { nullTranslator } from "@jupyterlab/translation";
import { describe, expect, it } from "vitest";

import { connectCode, launchCode } from "../../src/lab/code";
import { jobsLine } from "../../src/lab/jobsBar";
import { isOurs } from "../../src/lab/ours";
import { outline } from "../../src/lab/sparkline";

const trans = nullTranslator.load("nexapod");

describe("what is shown", () => {
  it("names the open jobs first, and what failed", () => {
    expect(jobsLine({ completed: 9, failed: 1, assigned: 2, pending: 1200 }, trans)).toBe(
      `2 running · ${(1200).toLocaleString()} pending · 1 failed`,
    );
    expect(jobsLine({ completed: 9, failed: 0 }, trans)).toBe("9 completed");
    expect(jobsLine({ completed: 9, failed: 2 }, trans)).toBe("9 completed · 2 failed");
    expect(jobsLine({}, trans)).toBe("no jobs yet");
  });

  it("draws a sparkline from the floor to the most", () => {
    expect(outline([0, 4, 2], 60, 18)).toBe("0,18 0.0,17.0 30.0,1.0 60.0,9.0 60,18");
    expect(outline([], 60, 18)).toBe("0,18 60,18");
  });

  it("knows pictures of its own", () => {
    expect(isOurs('<div class="nxp-fleet">')).toBe(true);
    expect(isOurs(["<div ", 'class="nxp-fleet">'])).toBe(true);
    expect(isOurs('<div class="plotly">')).toBe(false);
    expect(isOurs(undefined)).toBe(false);
  });
});

describe("code for a cell", () => {
  it("launches with as many nodes as wanted", () => {
    expect(launchCode("villin", 2)).toBe(
      'import nexapod\n\nfleet = nexapod.launch("villin", local_nodes=2)\nfleet',
    );
    expect(launchCode("villin", 0)).toContain('nexapod.launch("villin")');
  });

  it("connects by name", () => {
    expect(connectCode("villin")).toContain('nexapod.connect("villin")');
  });
});
