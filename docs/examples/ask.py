"""Sends a clip, after pip install requests: python ask.py clip.wav http://localhost:5000 KEY."""

import sys
import time

import requests

clip, server, key = sys.argv[1:]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {key}"


def ask(method: str, address: str, **content) -> requests.Response:
    """The answer; waits where the server says so, and ends with its sentence where it refuses."""
    while True:
        answer = session.request(method, server + address, **content)
        if answer.status_code not in {429, 503}:
            break
        time.sleep(int(answer.headers["Retry-After"]))
    if not answer.ok:
        sys.exit(answer.json()["error"]["message"])
    return answer


with open(clip, "rb") as file:
    heard = ask("POST", "/api/clips", files={"audio": (clip, file.read())}).json()
print(heard["emotion"], heard["confidence"])
for old in ask("GET", "/api/clips?limit=5").json()["clips"]:
    print(old["created_at"], old["emotion"])
ask("DELETE", f"/api/clips/{heard['id']}")
