#include "bank/xml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse::bank {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refused(std::string_view bytes) {
  const auto document = XmlDocument::parse(bytes);
  return document ? "it was read" : std::string(info(document.error().code).name) + " " + document.error().detail;
}

std::string many(std::string_view piece, std::size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(XmlDocument, IsATreeOfTexts) {
  const auto document = XmlDocument::parse("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- c --><p:a xmlns:p='urn:x'>\n <p:b Ccy='EUR'> 1<!-- -->2&#x33;&amp; </p:b>\n <p:b/><?p i?></p:a>");
  ASSERT_TRUE(document) << document.error().message();
  EXPECT_EQ(document->name_space(), "urn:x");
  const XmlElement b = document->root().first_child();
  EXPECT_EQ(b.name(), "b");
  EXPECT_EQ(b.text(), "123&");
  EXPECT_EQ(b.currency(), "EUR");
  EXPECT_EQ(b.place(), "line 3, a/b[1]");
  EXPECT_EQ(b.next().place(), "line 4, a/b[2]");
  EXPECT_EQ(b.next().text(), "");
  EXPECT_FALSE(b.next().next());
  EXPECT_EQ(XmlElement().text(), "");
  EXPECT_FALSE(XmlElement().first_child());
}

TEST(XmlDocument, HasNoDocumentType) {
  std::string laughs = "<!DOCTYPE l [<!ENTITY a \"ha\">";
  for (char c = 'b'; c < 'z'; ++c) laughs += "<!ENTITY " + std::string(1, c) + " \"" + many("&" + std::string(1, static_cast<char>(c - 1)) + ";", 10) + "\">";
  EXPECT_EQ(refused("<?xml version=\"1.0\"?>\n" + laughs + "]><l>&y;</l>"), "invalid_argument line 2: a document type (DOCTYPE) is not allowed in a bank's file");
  EXPECT_THAT(refused("<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><l/>"), HasSubstr("DOCTYPE"));
  EXPECT_THAT(refused("<!-- > --><!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><l>&x;</l>"), HasSubstr("DOCTYPE"));
  EXPECT_THAT(refused("<l>&x;</l>"), StartsWith("invalid_argument line 1: "));
  const auto quoted = XmlDocument::parse("<l><!-- <!DOCTYPE --><![CDATA[<!DOCTYPE]]></l>");
  ASSERT_TRUE(quoted) << quoted.error().message();
  EXPECT_EQ(quoted->root().text(), "<!DOCTYPE");
}

TEST(XmlDocument, IsUtf8) {
  EXPECT_THAT(refused("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>"), HasSubstr("encoding is not UTF-8"));
  EXPECT_THAT(refused("<?xml version='1.0' encoding='GB18030'?><a/>"), HasSubstr("encoding is not UTF-8"));
  EXPECT_THAT(refused(std::string_view("\xFF\xFE<\0a\0/\0>\0", 10)), HasSubstr("UTF-16"));
  EXPECT_THAT(refused(std::string_view("<\0a\0/\0>\0", 8)), HasSubstr("UTF-16"));
  for (const char* bad : {"\xE4", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE7\xAE"})
    EXPECT_THAT(refused("<a>\n" + std::string(bad) + "</a>"), StartsWith("invalid_argument line 2: ")) << std::hex << static_cast<int>(bad[0]);
  EXPECT_EQ(refused("<?xml version='1.0' encoding='UTF-8'?><a>算力</a>"), "it was read");
}

TEST(XmlDocument, IsWellFormed) {
  for (const char* wrong : {"", " ", "a", "<a>", "<a></b>", "<a/><b/>", "<a x='1' x='2'/>", "<a x=1/>", "<a>&#0;</a>", "<a>\x01</a>", "<a>]]></a>", "<p:a/>",
                            "<a/>b", "<a><![CDATA[</a>", "<a><!-- -- --></a>", "<?xml version='1.0'?><?xml version='1.0'?><a/>", "<a b"})
    EXPECT_THAT(refused(wrong), StartsWith("invalid_argument ")) << wrong;
  EXPECT_EQ(refused("<a>\n<b></a>"), "invalid_argument line 2: Opening and ending tag mismatch: b line 2 and a");
  EXPECT_THAT(refused("<a>b<c/></a>"), HasSubstr("text stands among elements"));
  EXPECT_THAT(refused("<a><c/>b</a>"), HasSubstr("text stands among elements"));
  EXPECT_THAT(refused("<a xmlns='urn:a'><b xmlns='urn:b'/></a>"), HasSubstr("the element b is of another namespace"));
  EXPECT_THAT(refused(std::string_view("<a>\0</a>", 8)), StartsWith("invalid_argument "));
}

TEST(XmlDocument, LeavesOutWhatIsInAnEnvelope) {
  const auto document = XmlDocument::parse("<a xmlns='urn:a'><Envlp><b xmlns='urn:b'>t<c/>u</b></Envlp><d>1</d></a>");
  ASSERT_TRUE(document) << document.error().message();
  const XmlElement envelope = document->root().first_child();
  EXPECT_FALSE(envelope.first_child());
  EXPECT_EQ(envelope.text(), "");
  EXPECT_EQ(envelope.next().text(), "1");
}

TEST(XmlDocument, IsBounded) {
  EXPECT_EQ(refused(many("<a>", 64) + many("</a>", 64)), "it was read");
  EXPECT_THAT(refused(many("<a>", 65) + many("</a>", 65)), HasSubstr("too_large line 1: elements are nested more than 64 deep"));
  EXPECT_THAT(refused("<a><Envlp>" + many("<a>", 1'000'000)), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(refused("<r>" + many("<a/>", kMaxXmlElements) + "</r>"), HasSubstr("more than 3 million elements"));
  EXPECT_THAT(refused(std::string(kMaxXmlBytes + 1, ' ')), HasSubstr("larger than 64 MiB"));
  std::string names = "<r>", attributes = "<r";
  for (int i = 0; i < 1001; ++i) names += "<n" + std::to_string(i) + "/>";
  for (int i = 0; i < 33; ++i) attributes += " n" + std::to_string(i) + "='>'";
  EXPECT_THAT(refused(names + "</r>"), HasSubstr("more than 1000 different names"));
  EXPECT_EQ(refused(attributes + "/>"), "too_large line 1: an element with more than 32 attributes");
}

// libxml2 reads what stands in memory without its 10 MB look-ahead; a month of a busy account may be larger.
TEST(XmlDocument, MayBeLarge) {
  const std::string content = "<r>" + many("<a>" + std::string(90, 'x') + "</a>\n", 500'000) + "</r>";
  ASSERT_GT(content.size(), std::size_t{45} << 20);
  const auto document = XmlDocument::parse(content);
  ASSERT_TRUE(document) << document.error().message();
  std::size_t count = 0;
  std::uint32_t line = 0;
  for (XmlElement a = document->root().first_child(); a; a = a.next(), ++count) line = a.line();
  EXPECT_EQ(count, 500'000U);
  EXPECT_EQ(line, 500'000U);
}

}  // namespace
}  // namespace bourse::bank
