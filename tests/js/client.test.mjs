import assert from "node:assert/strict";
import test from "node:test";
import { ApiError, createClient } from "../../static/js/client.js";
import { later } from "./help.mjs";

function answering(status, body, headers = {}) {
  const calls = [];
  const fetch = async (path, options) => {
    calls.push({ path, ...options });
    return new Response(status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  };
  return { calls, ...createClient({ fetch }) };
}

const failing = (promise) => promise.then(() => assert.fail("no error"), (error) => error);

test("calls are the API's", async () => {
  const client = answering(200, {});
  await client.list({ before: "b", emotion: "", search: "a b&c" });
  await client.transcribe("7");
  await client.saveSettings({ transcribe: false });
  assert.deepEqual(
    client.calls.map(({ method, path }) => `${method} ${path}`),
    ["GET /api/clips?before=b&search=a+b%26c", "POST /api/clips/7/transcript", "PUT /api/settings"],
  );
  assert.equal(client.calls[2].body, '{"transcribe":false}');
  assert.equal(client.calls[2].headers["Content-Type"], "application/json");
});

test("a deletion outlives the page where it must", async () => {
  const client = answering(204);
  assert.equal(await client.remove("7", true), null);
  assert.equal(client.calls[0].keepalive, true);
});

test("a failure carries the server's code and sentence, and when to come back", async () => {
  const client = answering(503, { error: { code: "overloaded", message: "Busy." } }, { "Retry-After": "7" });
  const error = await failing(client.list());
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.code, error.message, error.status, error.retryAfter], ["overloaded", "Busy.", 503, 7]);
});

test("what is no answer of this API is said so, whatever its status", async () => {
  for (const [status, body] of [[200, "<html>"], [502, "Bad gateway"], [500, {}], [404, { error: {} }], [500, "null"]]) {
    const error = await failing(answering(status, body).list());
    assert.equal(error.code, "unreadable_answer", `${status} ${body}`);
  }
});

test("no network, no answer in time, and a call taken back are told apart", async () => {
  const down = createClient({ fetch: async () => { throw new TypeError("Failed to fetch"); } });
  assert.equal((await failing(down.list())).code, "network");

  const hangs = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const alive = setInterval(() => {}, 1000); // AbortSignal.timeout alone doesn't keep node waiting
  assert.equal((await failing(createClient({ fetch: hangs, patience: 20 }).list())).code, "network");
  clearInterval(alive);

  const taken = new AbortController();
  const call = failing(createClient({ fetch: hangs }).list({}, taken.signal));
  taken.abort();
  assert.equal((await call).code, "cancelled");
});

/** Fires its events later, in the browser's order. */
class FakeRequest {
  static last;
  upload = {};
  constructor() {
    FakeRequest.last = this;
    this.sent = later();
  }
  open(...args) {
    this.opened = args;
  }
  send(form) {
    this.sent.resolve(form);
  }
  getResponseHeader = () => null;
  answer(status, body) {
    this.status = status;
    this.responseText = JSON.stringify(body);
    queueMicrotask(() => this.onload());
  }
}

test("sending tells its progress and resolves to the clip", async () => {
  const progress = [];
  const sound = new Blob(["RIFF"]);
  const sending = createClient({ XMLHttpRequest: FakeRequest }).send(sound, { name: "a.wav", source: "upload", onProgress: (p) => progress.push(p) });
  const form = await FakeRequest.last.sent.promise;
  assert.deepEqual(FakeRequest.last.opened, ["POST", "/api/clips"]);
  assert.equal(form.get("source"), "upload");
  assert.equal(form.get("audio").name, "a.wav");
  FakeRequest.last.upload.onprogress({ lengthComputable: false, loaded: 1, total: 0 });
  FakeRequest.last.upload.onprogress({ lengthComputable: true, loaded: 2, total: 4 });
  FakeRequest.last.answer(201, { id: "1" });
  assert.deepEqual(await sending, { id: "1" });
  assert.deepEqual(progress, [0.5]);
});

test("sending that fails says how", async () => {
  const send = () => createClient({ XMLHttpRequest: FakeRequest }).send(new Blob(), { name: "a", source: "upload", onProgress() {} });
  const refused = send();
  FakeRequest.last.answer(422, { error: { code: "no_speech", message: "Nothing." } });
  assert.deepEqual([(await failing(refused)).code, (await failing(refused)).status], ["no_speech", 422]);
  for (const event of ["onerror", "ontimeout", "onabort"]) {
    const lost = send();
    FakeRequest.last[event]();
    assert.equal((await failing(lost)).code, "network");
  }
});
