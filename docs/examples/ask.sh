#!/bin/sh
# sh ask.sh clip.wav http://localhost:5000 KEY
set -eu
clip=$1 server=$2 key=$3
call() { curl --silent --show-error --fail-with-body --retry 3 --header "Authorization: Bearer $key" "$@"; }

heard=$(call --form audio=@"$clip" "$server/api/clips") || { echo "$heard"; exit 1; }    # {"error": {"code", "message"}}
echo "$heard"                                            # {"id": ..., "emotion": "happy", "confidence": 0.7, ...}
id=$(echo "$heard" | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p')

call "$server/api/clips/$id/audio" --range 0-43 --output header.bin   # the start of the WAV file that was kept
call --request DELETE "$server/api/clips/$id"                         # audio and everything known of it
