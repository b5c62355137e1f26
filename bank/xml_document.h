// An XML document of a bank as a small read-only tree: names, texts, one attribute, lines. Nothing of it is trusted.
//
// XML 1.0 with namespaces, read by libxml2's SAX2 interface (which checks that it is well-formed) under these rules:
// no DOCTYPE at all, so no entities beyond the five of XML and no file or network is ever opened; UTF-8 only, with or
// without a byte order mark; bounds on bytes, depth, elements, names and attributes, so that memory and time grow with
// the size of the file and no faster.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bourse::bank {

inline constexpr std::size_t kMaxXmlBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxXmlDepth = 64;
inline constexpr std::size_t kMaxXmlElements = 3'000'000;

class XmlDocument;

// An element, or nothing: what is asked of nothing is empty. Valid as long as its document stays where it is.
class XmlElement {
 public:
  XmlElement() = default;
  explicit operator bool() const { return document_ != nullptr; }

  std::string_view name() const;      // without a prefix
  std::string_view text() const;      // of an element without children, white space cut off at both ends
  std::string_view currency() const;  // the attribute Ccy, the only one that is kept
  std::uint32_t line() const;
  XmlElement first_child() const;
  XmlElement next() const;            // the sibling behind
  XmlElement parent() const;
  // "line 12, Document/BkToCstmrStmt/Stmt[2]/Ntry[3]": for errors.
  std::string place() const;

 private:
  friend class XmlDocument;
  XmlElement(const XmlDocument* document, std::uint32_t index) : document_(document), index_(index) {}
  XmlElement at(std::uint32_t index) const;

  const XmlDocument* document_ = nullptr;
  std::uint32_t index_ = 0;
};

class XmlDocument {
 public:
  // Errors: too_large (a bound), invalid_argument (not UTF-8, not well-formed, a DOCTYPE, text among elements, elements
  // of another namespace than the root's; the detail names the line). What stands inside an element <Envlp> is left out:
  // that is where ISO 20022 lets others put what they like.
  static Result<XmlDocument> parse(std::string_view bytes);

  XmlElement root() const { return {this, 0}; }
  const std::string& name_space() const { return name_space_; }  // of the root; empty = none

 private:
  friend class XmlElement;
  friend class XmlBuilder;
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  struct Piece {  // of texts_
    std::uint32_t begin = 0, size = 0;
  };
  struct Node {
    std::uint32_t name = 0, line = 0, parent = kNone, first_child = kNone, next = kNone;
    Piece text, currency;
  };
  std::string_view piece(Piece p) const { return std::string_view(texts_).substr(p.begin, p.size); }

  std::string name_space_;
  std::string texts_;
  std::vector<std::string> names_;
  std::vector<Node> nodes_;
};

}  // namespace bourse::bank
