/** Requests to our part of the Jupyter server: under its login, its base URL and its XSRF check. */

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";

import type { Answer } from "../panel/link";
import type { Coordinator } from "./coordinator";

/** A refusal, with the sentence that says why. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export class Relay {
  constructor(
    readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings(),
  ) {}

  async version(): Promise<string> {
    return ((await this.told("GET", "info")) as { version: string }).version;
  }

  async coordinators(): Promise<Coordinator[]> {
    return (await this.told("GET", "coordinators")) as Coordinator[];
  }

  /** The line that makes a machine join. It carries a node's token: only when somebody asked. */
  async invitation(id: string): Promise<string> {
    return ((await this.told("POST", of(id, "invite"))) as { command: string }).command;
  }

  async stop(id: string): Promise<void> {
    await this.told("POST", of(id, "stop"));
  }

  /** A request of the panel. */
  async ask(id: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const target = path === "/invite" ? of(id, "invite") : of(id, `api${path}`);
    const response = await this.request(target, method, body);
    return { status: response.status, body: await json(response) };
  }

  /** The stream that the panel is drawn from. */
  async panel(id: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.request(of(id, "panel"), "GET", undefined, signal);
    if (!response.ok || response.body === null) throw refusal(response, await json(response));
    return response.body;
  }

  private async told(method: string, path: string): Promise<unknown> {
    const response = await this.request(path, method);
    const body = await json(response);
    if (!response.ok) throw refusal(response, body);
    return body;
  }

  private request(
    path: string,
    method: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, "nexapod", path);
    // Not "no-store": for that Jupyter puts the time into the query. The server says no-store.
    const init: RequestInit = { method, cache: "no-cache" };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal !== undefined) init.signal = signal;
    return ServerConnection.makeRequest(url, init, this.settings);
  }
}

function of(id: string, path: string): string {
  return `coordinators/${encodeURIComponent(id)}/${path}`;
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null; // an answer of something between us and the server
  }
}

function refusal(response: Response, body: unknown): Refused {
  const error = (body as { error?: { message?: unknown } } | null)?.error;
  const message = typeof error?.message === "string" ? error.message : `HTTP ${response.status}`;
  return new Refused(message, response.status);
}
