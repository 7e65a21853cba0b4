// The server's JSON API. Every failure is an ApiError.

const PATIENCE = 60_000; // ms

/** `code` and `message` as the server words them; `status` is 0 where there was no answer to read. */
export class ApiError extends Error {
  constructor(code, message, status = 0, retryAfter = null) {
    super(message);
    Object.assign(this, { code, status, retryAfter });
  }
}

function parse(status, text, retryAfter) {
  if (status === 204) return null;
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError("unreadable_answer", "", 0);
  }
  if (status >= 200 && status < 300) return body;
  const { code, message } = body?.error ?? {};
  if (!message) throw new ApiError("unreadable_answer", "", 0);
  throw new ApiError(code, message, status, Number(retryAfter) || null);
}

/** Browser APIs are handed in: `fetch` for everything, `Request` (XMLHttpRequest) where progress is wanted. */
export function createClient({ fetch, XMLHttpRequest: Request, patience = PATIENCE }) {
  async function call(method, path, { body, keepalive, signal } = {}) {
    let response;
    let text;
    try {
      const form = body instanceof FormData; // which says itself what it is
      const headers = body === undefined || form ? {} : { "Content-Type": "application/json" };
      const limits = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
      response = await fetch(path, {
        method,
        headers,
        body: body === undefined || form ? body : JSON.stringify(body),
        keepalive,
        signal: keepalive ? undefined : AbortSignal.any(limits), // a signal would end with the page
      });
      text = await response.text();
    } catch {
      throw new ApiError(signal?.aborted ? "cancelled" : "network", "");
    }
    return parse(response.status, text, response.headers.get("Retry-After"));
  }

  /** Sends a file and says how much of it is there, which fetch can't. */
  function post(path, blob, { name, fields, onProgress, signal, timeout }) {
    const form = new FormData();
    form.append("audio", blob, name);
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    return new Promise((resolve, reject) => {
      const request = new Request();
      request.open("POST", path);
      request.timeout = timeout;
      signal?.addEventListener("abort", () => request.abort());
      request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
      request.onload = () => {
        try {
          resolve(parse(request.status, request.responseText, request.getResponseHeader("Retry-After")));
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = request.ontimeout = request.onabort = () => reject(new ApiError("network", ""));
      request.send(form);
    });
  }

  return {
    /** Sends one sound file; `onProgress(share)` from 0 to 1. Resolves to the clip. */
    send: (blob, { name, source, onProgress }) => post("/api/clips", blob, { name, fields: source ? { source } : {}, onProgress, timeout: patience }),
    /** Sends a long one, however long that takes; `oneVoice`: the active voice alone speaks. Resolves to the recording. */
    sendRecording: (blob, { name, oneVoice, onProgress, signal }) =>
      post("/api/recordings", blob, { name, fields: oneVoice ? { voice: "active" } : {}, onProgress, signal, timeout: 0 }),
    recording: (id) => call("GET", `/api/recordings/${id}`),
    peaks: (id) => call("GET", `/api/recordings/${id}/peaks`),
    cancelRecording: (id) => call("POST", `/api/recordings/${id}/cancel`),
    startRecording: (id) => call("POST", `/api/recordings/${id}/start`),
    removeRecording: (id) => call("DELETE", `/api/recordings/${id}`),
    /** {clips, next}, newest first. */
    list({ before, emotion, search } = {}, signal) {
      const query = new URLSearchParams(Object.entries({ before, emotion, search }).filter(([, value]) => value));
      return call("GET", `/api/clips?${query}`, { signal });
    },
    transcribe: (id) => call("POST", `/api/clips/${id}/transcript`),
    remove: (id, keepalive = false) => call("DELETE", `/api/clips/${id}`, { keepalive }),
    removeAll: () => call("DELETE", "/api/clips"),
    correct: (id, emotion) => call("PUT", `/api/clips/${id}/correction`, { body: { emotion } }),
    uncorrect: (id) => call("DELETE", `/api/clips/${id}/correction`),
    why: (id) => call("GET", `/api/clips/${id}/why`),
    voices: () => call("GET", "/api/voices"),
    /** `parts` are {audio: [blobs]}, {profile: blob} or {history: "yes"}, and {name}. */
    teach(parts) {
      const form = new FormData();
      for (const [name, value] of Object.entries(parts)) for (const one of [value].flat()) form.append(name, one);
      return call("POST", "/api/voices", { body: form });
    },
    switchVoice: (id, active) => call("PUT", `/api/voices/${id}`, { body: { active } }),
    removeVoice: (id) => call("DELETE", `/api/voices/${id}`),
    consent: (consent) => call("PUT", "/api/consent", { body: consent }),
    saveSettings: (settings) => call("PUT", "/api/settings", { body: settings }),
  };
}
