# Reads a line from DIR/in, answers it in capitals on DIR/out, for ever.
mkfifo "$1/in" "$1/out"
while IFS= read -r line < "$1/in"; do
  echo "asked: $line"
  printf '%s\n' "$line" | tr '[:lower:]' '[:upper:]' > "$1/out"
done
