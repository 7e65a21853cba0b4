// Template, modules and styles belong together; these tests notice when they drift apart.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const modules = readdirSync(new URL("static/js/", root)).filter((name) => name.endsWith(".js"));
const sources = Object.fromEntries(modules.map((name) => [name, read(`static/js/${name}`)]));
sources["script.js"] = read("static/script.js");
const page = readdirSync(new URL("templates/", root)).filter((name) => name === "index.html" || name === "offline.html" || name.startsWith("_")).map((name) => read(`templates/${name}`)).join("\n");

const LATER = ["clips-page", "history", "view-answer", "view-history", "view-truth", "view-why", "messages-own", "messages-voices", "view-voices", "voices", "voices-page", "draw-timeline", "messages-recordings", "messages-live", "recordings", "recordings-page", "timeline", "view-found", "view-recordings", "view-timeline", "live-mode", "live", "state-live", "view-live"]; // with the first clip, timeline or live mode
const NOT_AT_ONCE = ["theme", "capture-worklet", ...LATER];

test("every module that the page runs is preloaded, and nothing that waits until it is wanted", () => {
  const preloaded = page.match(/for module in \[([^\]]+)\]/)[1].match(/[\w-]+/g).sort();
  const run = modules.map((name) => name.replace(".js", "")).filter((name) => !NOT_AT_ONCE.includes(name));
  assert.deepEqual(preloaded, run.sort());
});

test("every hook that a module looks for is in the page", () => {
  for (const [name, source] of Object.entries(sources)) {
    for (const [, hook] of source.matchAll(/(?:find|findAll|part|template)\("([\w-]+)"/g)) {
      assert.match(page, new RegExp(`data-(template=")?${hook}\\b`), `${name} looks for ${hook}`);
    }
  }
});

test("modules stay small and put no markup together", () => {
  for (const [name, source] of Object.entries(sources)) {
    assert.ok(source.split("\n").length <= 200, name);
    assert.doesNotMatch(source, /innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\(/, name);
  }
});

test("the page asks for nothing elsewhere, and carries no inline script or style", () => {
  const everything = [page, ...Object.values(sources), read("static/style.css"), read("static/recordings.css"), read("static/live.css"), read("static/clips.css"), read("static/docs.css"), read("static/manifest.json"), read("static/service-worker.js")];
  for (const text of everything) assert.doesNotMatch(text.replaceAll("http://www.w3.org/", ""), /https?:\/\//);
  assert.doesNotMatch(page, /\sstyle=|\son\w+=/);
  for (const [script] of page.matchAll(/<script\b[^>]*>/g)) assert.match(script, /src=|application\/json/);
});

test("every icon that is used is drawn, and the manifest's files are there", () => {
  for (const [, name] of page.matchAll(/icon\("([\w-]+)"\)/g)) assert.match(page, new RegExp(`id="i-${name}"`));
  for (const { src } of JSON.parse(read("static/manifest.json")).icons) assert.ok(read(`static/${src}`).length > 0);
});
