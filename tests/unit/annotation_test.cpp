#include "actions/annotation.h"

#include <gtest/gtest.h>

#include "actions/dotnet_text.h"

namespace buildspec_run {
namespace {

// actions.md 3.17.
TEST(Annotation, KeepsTenOfEachLevel) {
  AnnotationList list;
  int kept = 0;
  for (int i = 0; i < 12; ++i)
    for (const AnnotationLevel level :
         {AnnotationLevel::error, AnnotationLevel::warning, AnnotationLevel::notice}) {
      Annotation annotation;
      annotation.level = level;
      annotation.message = std::to_string(i);
      kept += list.add(annotation) ? 1 : 0;
    }
  EXPECT_EQ(kept, 30);
  ASSERT_EQ(list.all().size(), 30u);
  EXPECT_EQ(list.all().back().message, "9");
}

// actions.md 3.17: 4096, counted as .NET counts.
TEST(Annotation, CutsLongMessages) {
  EXPECT_EQ(truncate_message(std::string(4096, 'a')), std::string(4096, 'a'));
  EXPECT_EQ(truncate_message(std::string(5000, 'a')), std::string(4096, 'a'));
  std::string two_bytes, four_bytes;
  for (int i = 0; i < 5000; ++i) two_bytes += "\xC3\xA9", four_bytes += "\xF0\x9F\x98\x80";
  EXPECT_EQ(truncate_message(two_bytes).size(), 4096u * 2);
  EXPECT_EQ(truncate_message(four_bytes).size(), 4096u / 2 * 4);
  EXPECT_EQ(truncate_message("x" + four_bytes).size(), 1 + (4096u / 2 - 1) * 4);
  EXPECT_EQ(truncate_message("").size(), 0u);
}

TEST(Annotation, IsALineOfTheLog) {
  Annotation annotation;
  annotation.message = "a\nb";
  EXPECT_EQ(log_lines(annotation), "##[error]a\nb");
  annotation.level = AnnotationLevel::notice;
  annotation.log_text = "x.c:3: a";
  EXPECT_EQ(log_lines(annotation), "##[notice]x.c:3: a");
  annotation.log_text = annotation.message = "";
  EXPECT_EQ(log_lines(annotation), "");
}

}  // namespace
}  // namespace buildspec_run
