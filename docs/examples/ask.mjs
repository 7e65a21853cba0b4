// node ask.mjs clip.wav http://localhost:5000 KEY    (Node 18 or newer; a page uses the same calls)
import { readFile } from "node:fs/promises";

const [clip, server, key] = process.argv.slice(2);

async function ask(method, address, body) {
  const answer = await fetch(server + address, { method, body, headers: { Authorization: `Bearer ${key}` } });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const { error } = await answer.json(); // always {error: {code, message}}
  throw new Error(error.message);
}

const form = new FormData();
form.append("audio", new Blob([await readFile(clip)]), "clip.wav");
const heard = await ask("POST", "/api/clips", form);
console.log(heard.emotion, heard.probabilities);
await ask("DELETE", `/api/clips/${heard.id}`);
