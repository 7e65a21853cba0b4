import assert from "node:assert/strict";
import test from "node:test";
import { decodeWav, encodeWav, peak, resample } from "../../static/js/wav.js";
import { tone } from "./help.mjs";

const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
const middle = (samples) => samples.slice(samples.length / 4, (samples.length * 3) / 4); // without the filter's ends

for (const rate of [8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000]) {
  test(`a voice's frequencies survive from ${rate} Hz`, () => {
    const from = tone(440, rate, 1);
    const to = resample(from, rate, 16000);
    assert.equal(to.length, 16000);
    const wanted = tone(440, 16000, 1);
    const off = middle(to.map((x, i) => x - wanted[i]));
    assert.ok(rms(off) < 0.005, `error ${rms(off)}`);
  });
}

for (const rate of [44100, 48000]) {
  test(`what 16 kHz can't hold is gone, not folded back, from ${rate} Hz`, () => {
    const folded = rms(middle(resample(tone(9500, rate, 0.5), rate, 16000)));
    assert.ok(folded < 0.5 / 300, `${folded} is louder than -50 dB`);
  });
}

test("resampling keeps silence silent and the same rate untouched", () => {
  assert.equal(peak(resample(new Float32Array(4800), 48000)), 0);
  const samples = tone(100, 16000, 0.1);
  assert.equal(resample(samples, 16000), samples);
  assert.equal(resample(new Float32Array(0), 44100).length, 0);
});

test("a constant stays the same constant: every filter phase has gain one", () => {
  const out = middle(resample(new Float32Array(44100).fill(0.25), 44100));
  for (const sample of out) assert.ok(Math.abs(sample - 0.25) < 1e-5);
});

test("three seconds make a file of 96,044 bytes that says what it is", async () => {
  const blob = encodeWav(new Float32Array(48000));
  assert.equal(blob.size, 96044);
  assert.equal(blob.type, "audio/wav");
  const view = new DataView(await blob.arrayBuffer());
  const text = (at) => String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
  assert.deepEqual([text(0), text(8), text(12), text(36)], ["RIFF", "WAVE", "fmt ", "data"]);
  assert.equal(view.getUint32(4, true), 96036);
  assert.deepEqual([20, 22, 32, 34].map((at) => view.getUint16(at, true)), [1, 1, 2, 16]);
  assert.deepEqual([24, 28, 40].map((at) => view.getUint32(at, true)), [16000, 32000, 96000]);
});

test("what is written is read back, and what is too loud is clipped", async () => {
  const written = Float32Array.of(0, 0.5, -0.5, 1, -1, 7, -7);
  const read = decodeWav(await encodeWav(written).arrayBuffer());
  assert.deepEqual([...read], [0, 16384, -16384, 32767, -32768, 32767, -32768]);
});

test("other parts of a WAV are skipped, a cut one is read as far as it goes", async () => {
  const plain = new Uint8Array(await encodeWav(Float32Array.of(0.25, -0.25)).arrayBuffer());
  const list = Uint8Array.of(76, 73, 83, 84, 3, 0, 0, 0, 1, 2, 3, 0); // "LIST", odd length, padded
  const longer = new Uint8Array([...plain.slice(0, 36), ...list, ...plain.slice(36)]);
  assert.deepEqual([...decodeWav(longer.buffer)], [8192, -8192]);
  assert.deepEqual([...decodeWav(plain.slice(0, 46).buffer)], [8192]);
});

test("what is no 16-bit PCM WAV is null, not noise", async () => {
  const wav = await encodeWav(new Float32Array(10)).arrayBuffer();
  const float = wav.slice(0);
  new DataView(float).setUint16(20, 3, true);
  for (const bytes of [new ArrayBuffer(0), new ArrayBuffer(100), wav.slice(0, 20), float]) assert.equal(decodeWav(bytes), null);
});

test("the peak is the loudest sample of either sign", () => assert.equal(peak(Float32Array.of(0.1, -0.75, 0.5)), 0.75));
