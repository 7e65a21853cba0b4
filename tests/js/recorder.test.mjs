// The fakes keep the browser's timing: permission, worklet and closing take a turn, samples come in messages.

import assert from "node:assert/strict";
import test from "node:test";
import { record, RecorderError } from "../../static/js/recorder.js";
import { later, settled } from "./help.mjs";

class FakeTrack extends EventTarget {
  readyState = "live";
  stop() {
    this.readyState = "ended"; // the page's own stop() fires no "ended" event
  }
  unplug() {
    this.readyState = "ended";
    this.dispatchEvent(new Event("ended"));
  }
}

function fakeBrowser({ permission = async () => {}, module = async () => {}, rate = 48000 } = {}) {
  const track = new FakeTrack();
  const made = { contexts: [], taps: [], links: 0, track };
  class AudioContext {
    state = "suspended";
    sampleRate = rate;
    currentTime = 0;
    destination = {};
    audioWorklet = { addModule: module };
    constructor() {
      made.contexts.push(this);
    }
    async resume() {
      this.state = "running";
    }
    async close() {
      assert.notEqual(this.state, "closed", "closed twice");
      this.state = "closed";
    }
    createMediaStreamSource = () => node();
    createAnalyser = () => ({ ...node(), fftSize: 4, getFloatTimeDomainData: (out) => out.set([0.1, -0.6, 0.2, 0]) });
  }
  const node = () => ({
    connect: () => made.links++,
    disconnect: () => made.links--,
  });
  class AudioWorkletNode {
    port = {};
    constructor(context, name) {
      Object.assign(this, node(), { context, name });
      made.taps.push(this);
    }
  }
  const getUserMedia = async () => {
    await permission();
    return { getTracks: () => [track] };
  };
  return { made, isSecureContext: true, navigator: { mediaDevices: { getUserMedia } }, AudioContext, AudioWorkletNode };
}

function start(browser, seconds = 1) {
  const cancel = new AbortController();
  const finish = new AbortController();
  const meters = [];
  const result = record({ seconds, cancel: cancel.signal, finish: finish.signal, onStart: (meter) => meters.push(meter), browser });
  result.catch(() => {});
  return { result, cancel, finish, meters };
}

/** Sound arrives as from the worklet: in blocks, each in its own turn. */
async function hear(browser, samples, block = 512) {
  await settled();
  const [tap] = browser.made.taps;
  for (let sent = 0; sent < samples && tap.port.onmessage; sent += block) {
    const data = Float32Array.from({ length: block }, (_, i) => (sent + i) / 1e6);
    tap.context.currentTime += block / tap.context.sampleRate;
    tap.port.onmessage({ data });
    await null;
  }
}

const code = (promise) => promise.then(() => "recorded", (error) => (assert.ok(error instanceof RecorderError), error.code));

function assertLetGo({ made }) {
  assert.equal(made.track.readyState, "ended", "the microphone is still on");
  for (const context of made.contexts) assert.equal(context.state, "closed");
}

test("a recording is as long as asked, in the context's rate, in order, and the microphone is let go", async () => {
  const browser = fakeBrowser();
  const { result, meters } = start(browser);
  await hear(browser, 60000);
  const { samples, rate } = await result;
  assert.equal(rate, 48000);
  assert.equal(samples.length, 48000);
  assert.ok(Math.abs(samples[47999] - 0.047999) < 1e-6 && samples[0] === 0);
  assert.equal(meters.length, 1, "started once");
  assertLetGo(browser);
});

test("the meter tells level and time from the first sound on", async () => {
  const browser = fakeBrowser();
  const { meters, cancel } = start(browser, 2);
  await hear(browser, 512);
  assert.ok(Math.abs(meters[0].level() - 0.6) < 1e-6);
  browser.made.contexts[0].currentTime += 1;
  assert.ok(Math.abs(meters[0].elapsed() - 0.5) < 0.01);
  browser.made.contexts[0].currentTime += 9;
  assert.equal(meters[0].elapsed(), 1);
  cancel.abort();
});

test("Finish keeps what there is so far", async () => {
  const browser = fakeBrowser();
  const { result, finish } = start(browser);
  await hear(browser, 5120);
  finish.abort();
  assert.equal((await result).samples.length, 5120);
  assertLetGo(browser);
});

test("Cancel throws the recording away, at whatever moment", async () => {
  for (const heard of [0, 5120]) {
    const browser = fakeBrowser();
    const { result, cancel } = start(browser);
    if (heard) await hear(browser, heard);
    cancel.abort();
    assert.equal(await code(result), "cancelled");
    await settled();
    assertLetGo(browser);
  }
});

test("a microphone that is allowed only after Cancel is let go at once", async () => {
  const permission = later();
  const browser = fakeBrowser({ permission: () => permission.promise });
  const { result, cancel } = start(browser);
  await settled();
  cancel.abort();
  assert.equal(await code(result), "cancelled");
  assert.equal(browser.made.track.readyState, "live");
  permission.resolve();
  await settled();
  assertLetGo(browser);
});

for (const [name, wanted] of Object.entries({
  NotAllowedError: "permission_denied",
  SecurityError: "permission_denied",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
  TypeError: "recording_failed",
})) {
  test(`the browser's ${name} is ${wanted}`, async () => {
    const browser = fakeBrowser({ permission: async () => { throw Object.assign(new Error("no"), { name }); } });
    assert.equal(await code(start(browser).result), wanted);
    assert.equal(browser.made.contexts[0].state, "closed");
  });
}

test("an insecure page and an old browser are told before anything is opened", async () => {
  const insecure = { ...fakeBrowser(), isSecureContext: false };
  assert.equal(await code(start(insecure).result), "insecure_page");
  const old = { ...fakeBrowser(), AudioWorkletNode: undefined };
  assert.equal(await code(start(old).result), "unsupported_browser");
  const older = { ...fakeBrowser(), navigator: {} };
  assert.equal(await code(start(older).result), "unsupported_browser");
  assert.equal(insecure.made.contexts.length + old.made.contexts.length + older.made.contexts.length, 0);
});

test("a worklet that can't be loaded fails the recording and lets the microphone go", async () => {
  const browser = fakeBrowser({ module: async () => { throw new Error("404"); } });
  assert.equal(await code(start(browser).result), "recorder_away");
  assertLetGo(browser);
});

test("a microphone that is unplugged is told as that", async () => {
  const browser = fakeBrowser();
  const { result } = start(browser);
  await hear(browser, 512);
  browser.made.track.unplug();
  assert.equal(await code(result), "microphone_lost");
  assertLetGo(browser);
});

test("a microphone that gives no sound is busy", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const browser = fakeBrowser();
  const { result } = start(browser);
  await settled();
  context.mock.timers.tick(6000);
  assert.equal(await code(result), "microphone_busy");
  assertLetGo(browser);
});

test("a second recording starts from nothing", async () => {
  const browser = fakeBrowser();
  for (let i = 0; i < 2; i++) {
    browser.made.taps.length = 0;
    const { result } = start(browser, 0.1);
    await hear(browser, 9600);
    assert.equal((await result).samples[0], 0);
  }
});
