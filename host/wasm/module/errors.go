package module

import "fmt"

// Rule is the stable code of what a module broke.
type Rule string

// The rules.
const (
	RuleHeader      Rule = "header"      // the file is no core module of version 1
	RuleTruncated   Rule = "truncated"   // the bytes ended early
	RuleSize        Rule = "size"        // a section, body or expression has another length than it states
	RuleOrder       Rule = "order"       // sections are out of order or repeated
	RuleCount       Rule = "count"       // a stated count cannot fit, or two that must agree do not
	RuleLEB128      Rule = "leb128"      // a number is longer or larger than its type
	RuleUTF8        Rule = "utf8"        // a name is not UTF-8
	RuleIndex       Rule = "index"       // something is named that the module does not have
	RuleType        Rule = "type"        // a type or kind is not known, or not allowed here
	RuleBounds      Rule = "bounds"      // a memory's or table's minimum is above its maximum, or either larger than there can be
	RuleOpcode      Rule = "opcode"      // an instruction is not part of core 2.0, or not allowed here
	RuleNesting     Rule = "nesting"     // blocks do not match
	RuleDuplicate   Rule = "duplicate"   // a name is exported twice
	RuleReserved    Rule = "reserved"    // a name belongs to the host
	RuleBudget      Rule = "budget"      // one of the Options is exceeded
	RuleUnsupported Rule = "unsupported" // valid, but it cannot be served
)

// Error is returned for a module that breaks a rule.
type Error struct {
	// Section is where: "code", "import", or "header" before the first section.
	Section string
	// Offset is the fault's distance from the beginning of the file in bytes.
	Offset int
	Rule   Rule
	// Detail says what was found and what is allowed.
	Detail string
}

func (e *Error) Error() string {
	return fmt.Sprintf("section %s, offset %d: %s (%s)", e.Section, e.Offset, e.Detail, e.Rule)
}
