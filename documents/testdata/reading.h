// How tests read documents back, and what names they try.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "documents/settlement.h"
#include "documents/testdata/sample_statement.h"

namespace bourse::documents {

using Rows = std::vector<std::vector<std::string>>;

// RFC 4180, strictly: CRLF, quotes only around whole fields.
inline Rows read_csv(const std::string& text) {
  Rows rows(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = rows.back().back();
    if (quoted) {
      if (text[i] != '"') field += text[i];
      else if (i + 1 < text.size() && text[i + 1] == '"') field += text[++i];
      else quoted = false;
    } else if (text[i] == '"') {
      EXPECT_TRUE(field.empty());
      quoted = true;
    } else if (text[i] == ',') {
      rows.back().emplace_back();
    } else if (text[i] == '\r') {
      EXPECT_EQ(text[++i], '\n');
      rows.push_back({""});
    } else {
      EXPECT_NE(text[i], '\n');
      field += text[i];
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_EQ(rows.back(), std::vector<std::string>{""});  // the last record ends too
  rows.pop_back();
  return rows;
}

inline std::size_t column(const Rows& rows, std::string_view name) {
  for (std::size_t c = 0; c < rows.front().size(); ++c)
    if (rows.front()[c] == name) return c;
  ADD_FAILURE() << "no column " << name;
  return 0;
}

inline Amount sum(const Rows& rows, std::string_view name) {
  Amount out;
  for (std::size_t r = 1; r < rows.size(); ++r) out += parse_amount(rows[r].at(column(rows, name))).value();
  return out;
}

inline VerifiedStatement verified(const SampleOptions& options) {
  SampleStatement sample(options);
  const std::string file = sample.file();
  const auto verdict = statement::verify(file, sample.ack().public_key);
  EXPECT_TRUE(verdict.ok) << (verdict.differences.empty() ? "" : verdict.differences.front());
  auto out = open_verified(file, verdict);
  EXPECT_TRUE(out) << out.error().message();
  return *out;
}

inline constexpr const char* kHostile = "=cmd|' /C calc'!A0\r\n; \"}{\\ 2026-01-01 * x  \t\xE2\x80\xAE 北京\xE3\x80\x80\xE3\x80\x80超算 ;\xEF\xBB\xBF<b>&amp;";

}  // namespace bourse::documents
