/* word-count FILE REPORT: counts words, tells GitHub's way and leaves a report. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    puts("::error::usage: word-count FILE REPORT");
    return 2;
  }
  FILE* file = fopen(argv[1], "r");
  if (file == NULL) {
    printf("::error file=%s::there is no such file\n", argv[1]);
    return 1;
  }
  long words = 0;
  int c, inside = 0;
  while ((c = getc(file)) != EOF) {
    if (!isspace(c) && !inside) ++words;
    inside = !isspace(c);
  }
  fclose(file);
  printf("::notice file=%s,line=1::%ld words\n", argv[1], words);

  const char* outputs = getenv("GITHUB_OUTPUT");
  FILE* output = outputs == NULL ? NULL : fopen(outputs, "a");
  FILE* report = fopen(argv[2], "w");
  if (output == NULL || report == NULL) {
    puts("::error::an output cannot be written");
    return 1;
  }
  fprintf(output, "words=%ld\n", words);
  fprintf(report, "%s has %ld words\n", argv[1], words);
  return fclose(output) == 0 && fclose(report) == 0 ? 0 : 1;
}
