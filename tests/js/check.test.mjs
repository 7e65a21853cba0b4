import assert from "node:assert/strict";
import test from "node:test";
import { check, measure } from "../../static/js/check.js";
import { config } from "./help.mjs";

const file = (name, size) => ({ name, size });
const lasting = (seconds) => async () => seconds;
const code = async (...args) => (await check(...args))?.code ?? null;

test("a file that the server would refuse is refused here, with the limit in the sentence", async () => {
  const page = config();
  assert.equal(await code(file("a.wav", 0), page, lasting(1)), "empty_file");
  assert.equal(await code(file("a.txt", 9), page, lasting(1)), "wrong_type");
  assert.equal(await code(file("wav", 9), page, lasting(1)), "wrong_type");
  assert.equal(await code(file("a.wav", 1001), page, lasting(1)), "too_large");
  assert.equal(await code(file("a.wav", 9), page, lasting(60.5)), "too_long");
  assert.match((await check(file("a.wav", 1001), page, lasting(1))).text, /1 kB.*more than the 1 kB/);
  assert.match((await check(file("a.txt", 1), page, lasting(1))).text, /WAV, MP3/);
  assert.match((await check(file("a.wav", 1), page, lasting(600))).text, /10 minutes long, more than the 60 seconds/);
});

test("a file at the limit passes, and so does one that the browser can't measure", async () => {
  assert.equal(await check(file("A.WAV", 1000), config(), lasting(60)), null);
  assert.equal(await check(file("a.b.mp3", 1), config(), lasting(null)), null);
});

test("no sound is opened to measure what is refused already", async () => {
  await check(file("a.txt", 1), config(), () => assert.fail("measured"));
});

function browser(event, duration) {
  const urls = new Set();
  class Audio {
    duration = duration;
    set src(_) {
      queueMicrotask(() => this[`on${event}`]?.());
    }
  }
  return { urls, Audio, URL: { createObjectURL: () => (urls.add("blob:1"), "blob:1"), revokeObjectURL: (url) => urls.delete(url) } };
}

test("measuring tells seconds, or null, and revokes its URL", async () => {
  for (const [event, duration, seconds] of [["loadedmetadata", 4.5, 4.5], ["loadedmetadata", Infinity, null], ["error", NaN, null]]) {
    const fake = browser(event, duration);
    assert.equal(await measure({}, fake), seconds);
    assert.equal(fake.urls.size, 0);
  }
});
