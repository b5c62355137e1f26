#include "bank/xml_document.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>

namespace bourse::bank {
namespace {

constexpr std::size_t kMaxNames = 1000;  // camt.053 has some 400
constexpr std::size_t kMaxAttributes = 32;
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kOpaque = "Envlp";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view view(const xmlChar* text) { return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text); }

Error at_offset(std::string_view bytes, std::size_t offset, std::string_view what, ErrorCode code = ErrorCode::invalid_argument) {
  const auto line = 1 + std::ranges::count(bytes.substr(0, offset), '\n');
  return {code, "line " + std::to_string(line) + ": " + std::string(what)};
}

// The declaration `<?xml … encoding="…"?>` names UTF-8 or nothing. Anything else is refused, not converted: a reader that
// guesses the encoding of a name guesses who was paid.
std::optional<Error> wrong_encoding(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF") || bytes.substr(0, 4).contains('\0'))
    return Error{ErrorCode::invalid_argument, "line 1: the file is UTF-16 or UTF-32; only UTF-8 is read"};
  if (!bytes.starts_with("<?xml")) return std::nullopt;
  std::string declaration(bytes.substr(0, std::min(bytes.find("?>"), std::size_t{200})));
  std::ranges::transform(declaration, declaration.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::size_t found = declaration.find("encoding");
  if (found == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(declaration).substr(found);
  if (rest.contains("\"utf-8\"") || rest.contains("'utf-8'")) return std::nullopt;
  return Error{ErrorCode::invalid_argument, "line 1: the declared encoding is not UTF-8"};
}

// Where the markup that begins at `begin` ends; npos when it doesn't, which the parser will say better.
std::size_t end_of_markup(std::string_view bytes, std::size_t begin, std::size_t& attributes) {
  const std::string_view rest = bytes.substr(begin);
  for (const auto& [open, close] : {std::pair{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}})
    if (rest.starts_with(open)) return bytes.find(close, begin);
  for (std::size_t i = begin; i < bytes.size(); ++i) {
    if (bytes[i] == '>') return i;
    if (bytes[i] != '"' && bytes[i] != '\'') continue;
    i = bytes.find(bytes[i], i + 1);
    if (i == std::string_view::npos || ++attributes > kMaxAttributes) return i;
  }
  return std::string_view::npos;
}

// What has to be known before libxml2 looks: it compares every attribute of an element with every other.
std::optional<Error> wrong_markup(std::string_view bytes) {
  for (std::size_t at = bytes.find('<'); at != std::string_view::npos; at = bytes.find('<', at)) {
    if (bytes.substr(at).starts_with("<!DOCTYPE")) return at_offset(bytes, at, "a document type (DOCTYPE) is not allowed in a bank's file");
    std::size_t attributes = 0;
    const std::size_t end = end_of_markup(bytes, at, attributes);
    if (attributes > kMaxAttributes) return at_offset(bytes, at, "an element with more than 32 attributes", ErrorCode::too_large);
    if (end == std::string_view::npos) return std::nullopt;
    at = end;
  }
  return std::nullopt;
}

}  // namespace

// Takes libxml2's events. No exception may pass through its C frames, but std::bad_alloc ends the process anyway.
class XmlBuilder {
 public:
  XmlBuilder(XmlDocument& document, xmlParserCtxtPtr parser) : document_(document), parser_(parser) {}

  static xmlSAXHandler handler() {
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = [](void* self, const xmlChar* name, const xmlChar*, const xmlChar* uri, int, const xmlChar**, int count, int,
                            const xmlChar** attributes) { static_cast<XmlBuilder*>(self)->start(name, view(uri), attributes, count); };
    sax.endElementNs = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) { static_cast<XmlBuilder*>(self)->end(); };
    sax.characters = [](void* self, const xmlChar* text, int size) { static_cast<XmlBuilder*>(self)->characters(text, size); };
    sax.ignorableWhitespace = sax.characters;
    sax.cdataBlock = sax.characters;
    sax.internalSubset = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      static_cast<XmlBuilder*>(self)->stop("a document type (DOCTYPE) is not allowed in a bank's file");
    };
    sax.serror = [](void* self, xmlErrorPtr error) { static_cast<XmlBuilder*>(self)->error(*error); };
    return sax;
  }

  std::optional<Error> verdict(bool well_formed) {
    if (!error_ && (!well_formed || document_.nodes_.empty())) error_ = Error{ErrorCode::invalid_argument, "this is not an XML document"};
    return error_;
  }

 private:
  void start(const xmlChar* name, std::string_view uri, const xmlChar** attributes, int count) {
    if (open_.size() + opaque_depth_ >= kMaxXmlDepth) return stop("elements are nested more than 64 deep", ErrorCode::too_large);
    if (opaque_depth_ > 0 || (!open_.empty() && document_.names_[node().name] == kOpaque)) {
      ++opaque_depth_;
      return;
    }
    if (open_.empty()) document_.name_space_ = uri;
    if (uri != document_.name_space_) return stop("the element " + std::string(view(name)) + " is of another namespace than the document");
    if (!trimmed(text_).empty()) return stop("text stands among elements");
    text_.clear();
    if (document_.nodes_.size() == kMaxXmlElements) return stop("more than 3 million elements", ErrorCode::too_large);
    const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
    XmlDocument::Node added{.name = number_of(name), .line = line(), .parent = open_.empty() ? XmlDocument::kNone : open_.back().node};
    if (document_.names_.size() > kMaxNames) return stop("more than 1000 different names of elements", ErrorCode::too_large);
    for (int i = 0; i < count; ++i) {
      const xmlChar** attribute = attributes + std::ptrdiff_t{5} * i;  // name, prefix, namespace, value, its end
      if (view(attribute[0]) == "Ccy" && attribute[1] == nullptr)
        added.currency = kept({reinterpret_cast<const char*>(attribute[3]), static_cast<std::size_t>(attribute[4] - attribute[3])});
    }
    document_.nodes_.push_back(added);
    if (!open_.empty()) {
      auto& [parent, last] = open_.back();
      (last == XmlDocument::kNone ? document_.nodes_[parent].first_child : document_.nodes_[last].next) = index;
      last = index;
    }
    open_.push_back({index, XmlDocument::kNone});
  }
  void end() {
    if (opaque_depth_ > 0) {
      --opaque_depth_;
      return;
    }
    const std::string_view text = trimmed(text_);
    const bool opaque = document_.names_[node().name] == kOpaque;
    if (open_.back().last_child != XmlDocument::kNone && !text.empty()) return stop("text stands among elements");
    if (!opaque) node().text = kept(text);
    text_.clear();
    open_.pop_back();
  }
  void characters(const xmlChar* text, int size) {
    if (opaque_depth_ == 0) text_.append(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  }
  void error(const xmlError& found) {
    if (found.level < XML_ERR_ERROR) return;
    std::string message = found.message == nullptr ? "not well-formed" : found.message;
    message.resize(std::min(message.find('\n'), message.size()));
    stop(message, ErrorCode::invalid_argument, static_cast<std::uint32_t>(std::max(found.line, 0)));
  }
  void stop(std::string what, ErrorCode code = ErrorCode::invalid_argument, std::uint32_t at_line = 0) {
    if (!error_) error_ = Error{code, "line " + std::to_string(at_line > 0 ? at_line : line()) + ": " + std::move(what)};
    xmlStopParser(parser_);
  }

  XmlDocument::Node& node() { return document_.nodes_[open_.back().node]; }
  std::uint32_t line() const { return parser_->input == nullptr ? 0 : static_cast<std::uint32_t>(std::max(parser_->input->line, 0)); }
  XmlDocument::Piece kept(std::string_view text) {
    const XmlDocument::Piece piece{static_cast<std::uint32_t>(document_.texts_.size()), static_cast<std::uint32_t>(text.size())};
    document_.texts_ += text;
    return piece;
  }
  // libxml2 gives equal names at equal addresses.
  std::uint32_t number_of(const xmlChar* name) {
    const auto [found, added] = numbers_.try_emplace(name, static_cast<std::uint32_t>(document_.names_.size()));
    if (added) document_.names_.emplace_back(view(name));
    return found->second;
  }

  struct Open {
    std::uint32_t node, last_child;
  };
  XmlDocument& document_;
  xmlParserCtxtPtr parser_;
  std::vector<Open> open_;
  std::string text_;  // since the last tag
  std::size_t opaque_depth_ = 0;
  std::unordered_map<const xmlChar*, std::uint32_t> numbers_;
  std::optional<Error> error_;
};

Result<XmlDocument> XmlDocument::parse(std::string_view bytes) {
  if (bytes.size() > kMaxXmlBytes) return fail(ErrorCode::too_large, "the file is larger than 64 MiB");
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (bytes.empty()) return fail(ErrorCode::invalid_argument, "the file is empty");
  if (auto wrong = wrong_encoding(bytes)) return std::unexpected(*wrong);
  if (auto wrong = wrong_markup(bytes)) return std::unexpected(*wrong);

  static const bool once = [] { return xmlInitParser(), true; }();  // not safe from two threads at once
  static_cast<void>(once);
  const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> parser(
      xmlCreateMemoryParserCtxt(bytes.data(), static_cast<int>(bytes.size())), &xmlFreeParserCtxt);
  if (!parser) return fail(ErrorCode::internal, "libxml2 made no parser");
  xmlCtxtUseOptions(parser.get(), XML_PARSE_NONET);
  XmlDocument document;
  XmlBuilder builder(document, parser.get());
  *parser->sax = XmlBuilder::handler();
  parser->userData = &builder;
  xmlParseDocument(parser.get());
  if (auto wrong = builder.verdict(parser->wellFormed == 1 && parser->nsWellFormed == 1)) return std::unexpected(*wrong);
  return document;
}

std::string_view XmlElement::name() const { return *this ? std::string_view(document_->names_[document_->nodes_[index_].name]) : ""; }
std::string_view XmlElement::text() const { return *this ? document_->piece(document_->nodes_[index_].text) : ""; }
std::string_view XmlElement::currency() const { return *this ? document_->piece(document_->nodes_[index_].currency) : ""; }
std::uint32_t XmlElement::line() const { return *this ? document_->nodes_[index_].line : 0; }
XmlElement XmlElement::at(std::uint32_t index) const { return index == XmlDocument::kNone ? XmlElement() : XmlElement(document_, index); }
XmlElement XmlElement::first_child() const { return *this ? at(document_->nodes_[index_].first_child) : *this; }
XmlElement XmlElement::next() const { return *this ? at(document_->nodes_[index_].next) : *this; }
XmlElement XmlElement::parent() const { return *this ? at(document_->nodes_[index_].parent) : *this; }

std::string XmlElement::place() const {
  if (!*this) return "the file";
  std::string path;
  for (XmlElement element = *this; element; element = element.parent()) {
    std::size_t before = 0, all = 0;
    bool seen = false;
    for (XmlElement twin = element.parent().first_child(); twin; twin = twin.next()) {
      if (twin.name() != element.name()) continue;
      ++all;
      if (!seen) ++before;
      seen = seen || twin.index_ == element.index_;
    }
    const std::string number = all > 1 ? "[" + std::to_string(before) + "]" : "";
    path.insert(0, std::string(element.name()) + number + (path.empty() ? "" : "/"));
  }
  return "line " + std::to_string(line()) + ", " + path;
}

}  // namespace bourse::bank
