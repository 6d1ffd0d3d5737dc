# The primes up to $1, one a line.
awk -v most="$1" 'BEGIN {
  for (i = 2; i <= most; ++i) {
    if (i in no) continue
    print i
    for (j = i * i; j <= most; j += i) no[j]
  }
}'
