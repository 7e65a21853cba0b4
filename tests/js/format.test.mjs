import assert from "node:assert/strict";
import test from "node:test";
import { caption, certain, face, judged, language, percent, share, size, source, spoken, strength, sureness, title, when } from "../../static/js/format.js";
import { CERTAINTY, clip, LABELS, STRENGTHS } from "./help.mjs";

const unsure = clip("1", { status: "uncertain", emotion: "sad", confidence: 0.4, probabilities: { neutral: 0.35, happy: 0.25, sad: 0.4 } });

test("a clip is named by its emotion, an uncertain one by what it may be", () => {
  assert.equal(title(clip("1")), "Happy");
  assert.equal(title(unsure), "Not sure: perhaps sad or neutral");
  assert.equal(face(clip("1"), LABELS), "😊");
  assert.equal(face(unsure, LABELS), "🤔");
  assert.equal(face(clip("1", { emotion: "bored" }), LABELS), "");
});

test("confidence is said in words and as a number", () => {
  for (const [p, words] of [[1, "very sure"], [0.85, "very sure"], [0.84, "fairly sure"], [0.5, "leaning that way"], [0.1, "only a guess"], [0, "only a guess"]]) {
    assert.equal(certain(p, CERTAINTY), words);
  }
  assert.equal(sureness(clip("1"), CERTAINTY), "Fairly sure · 72%");
  assert.equal(sureness(unsure, CERTAINTY), "No emotion is likely enough: 40% at most");
  assert.equal(spoken(clip("1"), CERTAINTY), "Happy, fairly sure: 72%.");
  assert.equal(spoken(unsure, CERTAINTY), "Not sure: perhaps sad or neutral.");
  assert.deepEqual([share(clip("1")), share(unsure)], ["72%", ""], "no figure that reads like certainty");
  assert.equal(percent(0.005), "1%");
});

test("how strongly is said only where it is clear", () => {
  for (const [p, word] of [[1, "strongly"], [0.75, "strongly"], [0.74, ""], [0.25, ""], [0.24, "mildly"], [0, "mildly"], [undefined, ""]]) {
    assert.equal(strength(clip("1", { intensity: p }), STRENGTHS), word);
  }
  assert.equal(strength({ ...unsure, intensity: 0.9 }, STRENGTHS), "", "no emotion is named");
  assert.equal(spoken(clip("1", { intensity: 0.9 }), CERTAINTY, STRENGTHS), "Happy, strongly, fairly sure: 72%.");
  assert.equal(spoken(clip("1"), CERTAINTY, STRENGTHS), "Happy, fairly sure: 72%.");
});

test("an answer about a file names it", () => {
  assert.equal(caption(clip("1")), "All 3.0 s were judged");
  assert.equal(caption(clip("1", { source: "upload" })), "a.wav · All 3.0 s were judged");
});

test("sizes are never 0 and change unit once", () => {
  assert.equal(size(1), "1 kB");
  assert.equal(size(96044), "94 kB");
  assert.equal(size(2 ** 20 - 1), "1,024 kB");
  assert.equal(size(25 * 2 ** 20), "25.0 MB");
});

test("times are local and near ones are named", () => {
  const now = new Date(2026, 2, 5, 0, 30);
  assert.match(when(new Date(2026, 2, 5, 0, 5).toISOString(), now, "en-GB"), /^Today, 0?0:05$/);
  assert.match(when(new Date(2026, 2, 4, 23, 59).toISOString(), now, "en-GB"), /^Yesterday, 23:59$/);
  assert.match(when(new Date(2026, 2, 3, 14, 5).toISOString(), now, "en-GB"), /^3 Mar 2026, 14:05$/);
  assert.match(when(new Date(2026, 2, 6, 14, 5).toISOString(), now, "en-GB"), /^6 Mar 2026/, "a server clock ahead of ours");
});

test("where a clip comes from", () => {
  assert.equal(source(clip("1")), "Recording");
  assert.equal(source(clip("1", { source: "upload" })), "a.wav");
  assert.equal(source(clip("1", { source: "upload", filename: null })), "Upload");
  assert.equal(judged(clip("1")), "All 3.0 s were judged");
  assert.equal(judged(clip("1", { heard: [1.04, 4], duration_seconds: 7.25 })), "Judged 1.0 to 4.0 s of 7.3 s");
});

test("languages have names, unknown ones keep their code", () => {
  assert.equal(language("pl-PL", "en"), "Polish (Poland)");
  assert.equal(language("not a code", "en"), "not a code");
});

test("another language: sentences, plurals, figures and gaps; what has no translation stays English", async () => {
  const words = { "{seconds} s": "{seconds} sek.", happy: "radość", "{count} clip listed.": ["{count} klip", "{count} klipy", "{count} klipów"] };
  globalThis.document = {
    documentElement: { lang: "pl" },
    querySelector: (hook) => (hook === "[data-catalogue]" ? { textContent: JSON.stringify(words) } : null),
  };
  try {
    const { locale, percent: share, t, tMany, tenth } = await import("../../static/js/words.js?polish");
    assert.equal(locale.slice(0, 2), "pl");
    assert.equal(t("{seconds} s", { seconds: tenth(7) }), "7,0 sek.");
    assert.deepEqual([t("happy"), t("Cancel"), t("choose {types}")], ["radość", "Cancel", "choose {types}"]);
    assert.equal(t("{name} is {0}", { name: "{count}" }), "{count} is ", "a gap's value is no pattern");
    assert.deepEqual([1, 2, 5, 22, 25].map((count) => tMany("{count} clip listed.", "{count} clips listed.", count)), ["1 klip", "2 klipy", "5 klipów", "22 klipy", "25 klipów"]);
    assert.equal(tMany("{count} second", "{count} seconds", 5), "5 seconds");
    assert.equal(share(0.72), "72%");
  } finally {
    delete globalThis.document;
  }
});
