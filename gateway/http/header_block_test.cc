#include "gateway/http/header_block.h"

#include <gtest/gtest.h>

#include <string>

namespace bourse::http {
namespace {

Status check(const std::string& fields) {
  return check_header("GET / HTTP/1.1\r\n" + fields + "\r\n", 100);
}

TEST(HeaderBlock, finds_its_end) {
  EXPECT_EQ(header_length("GET / HTTP/1.1\r\n\r\nrest"), 18U);
  EXPECT_EQ(header_length("GET / HTTP/1.1\r\n\r"), std::nullopt);
  // The end may lie across what was looked at before.
  EXPECT_EQ(header_length("GET / HTTP/1.1\r\n\r\n", 17), 18U);
}

TEST(HeaderBlock, takes_a_plain_header) {
  EXPECT_TRUE(check("Host: a\r\nContent-Length: 3\r\nX-Empty:\r\nX: \tb\r\n"));
  EXPECT_TRUE(check("Host: a\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(check(""));
}

TEST(HeaderBlock, refuses_what_parsers_differ_on) {
  for (const char* hostile : {"Host: a\r\n folded\r\n",
                              "Host: a\r\n\tfolded\r\n",
                              "Host: a\nX: b\r\n",
                              "Host: a\rX: b\r\n",
                              "X : b\r\n",
                              "X\t: b\r\n",
                              ": b\r\n",
                              "no colon\r\n",
                              "X: a\x01"
                              "b\r\n",
                              "X: a\x7F\r\n",
                              "Host: a\r\nHost: b\r\n",
                              "Host: a\r\nhOST: a\r\n",
                              "Content-Length: 1\r\nContent-Length: 1\r\n",
                              "Content-Length: 1\r\ncontent-length: 2\r\n",
                              "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                              "Transfer-Encoding: gzip, chunked\r\n",
                              "Transfer-Encoding: xchunked\r\n",
                              "Transfer-Encoding:\r\n",
                              "Content-Length: 3, 3\r\n",
                              "Content-Length: +3\r\n",
                              "Content-Length:\r\n",
                              "Content-Length: 3 3\r\n"})
    EXPECT_FALSE(check(hostile)) << hostile;
  EXPECT_FALSE(check(std::string("X: a\0b\r\n", 8)));
}

TEST(HeaderBlock, refuses_a_part_as_soon_as_it_is_wrong) {
  EXPECT_FALSE(check_header("GET / HTTP/1.1\nHost", 100));
  EXPECT_TRUE(check_header("GET / HTTP/1.1\r", 100));  // the line feed may follow
}

TEST(HeaderBlock, counts_fields) {
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "X-" + std::to_string(i) + ": a\r\n";
  EXPECT_TRUE(check(fields));
  const auto more = check(fields + "X-100: a\r\n");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace bourse::http
