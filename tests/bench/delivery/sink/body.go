package main

import "bytes"

// sighting is what the audit needs of one event.
type sighting struct {
	user []byte
	seq  int
}

var (
	userKey  = []byte(`"user_id"`)
	seqName  = []byte(`"seq"`)
	valueKey = []byte(`"value"`)
	intKey   = []byte(`"int_value"`)

	partitionKey = []byte(`"partition"`)
)

// sightings finds the events of a body, one object or an array of them; false when one cannot be read.
func sightings(body []byte, into []sighting) ([]sighting, bool) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return into, false
	}
	if body[0] == '{' {
		seen, ok := sight(body)
		return append(into, seen), ok
	}
	if body[0] != '[' {
		return into, false
	}
	for rest := body[1:]; ; {
		start := bytes.IndexByte(rest, '{')
		if start < 0 {
			return into, len(into) > 0
		}
		end := objectEnd(rest[start:])
		if end < 0 {
			return into, false
		}
		seen, ok := sight(rest[start : start+end])
		if !ok {
			return into, false
		}
		into, rest = append(into, seen), rest[start+end:]
	}
}

// objectEnd is the length of the object that text begins with; -1 when it does not end.
func objectEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i = stringEnd(text, i)
		}
	}
	return -1
}

// stringEnd is the place of the quote that ends the string which begins at start, or the end of the text.
func stringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		if text[i] == '\\' {
			i++
		} else if text[i] == '"' {
			return i
		}
	}
	return len(text)
}

// sight reads `"user_id": "…"` and `{"key": "seq", "value": {"int_value": …}}`, whatever stands around them.
func sight(event []byte) (sighting, bool) {
	at := bytes.Index(event, userKey)
	if at < 0 {
		return sighting{}, false
	}
	rest, ok := after(event[at:], userKey, ':', '"')
	if !ok {
		return sighting{}, false
	}
	end := bytes.IndexByte(rest, '"')
	at = bytes.Index(event, seqName)
	if end < 0 || at < 0 {
		return sighting{}, false
	}
	user := rest[:end]
	if rest, ok = after(event[at:], seqName, ','); !ok {
		return sighting{}, false
	}
	if rest, ok = after(rest, valueKey, ':', '{'); !ok {
		return sighting{}, false
	}
	if rest, ok = after(rest, intKey, ':'); !ok {
		return sighting{}, false
	}
	seq, ok := whole(rest)
	return sighting{user, seq}, ok
}

// partition is the number behind the first `"partition":`; -1 when there is none.
func partition(body []byte) int {
	if at := bytes.Index(body, partitionKey); at >= 0 {
		if rest, ok := after(body[at:], partitionKey, ':'); ok {
			if number, ok := whole(rest); ok {
				return number
			}
		}
	}
	return -1
}

// whole reads digits.
func whole(text []byte) (number int, ok bool) {
	digits := 0
	for text = bytes.TrimLeft(text, " \t\r\n"); digits < len(text) && text[digits]-'0' <= 9; digits++ {
		number = number*10 + int(text[digits]-'0')
	}
	return number, digits > 0
}

// after is what follows the word and these marks, space between them left out.
func after(text, word []byte, marks ...byte) ([]byte, bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	if !bytes.HasPrefix(text, word) {
		return nil, false
	}
	text = text[len(word):]
	for _, mark := range marks {
		text = bytes.TrimLeft(text, " \t\r\n")
		if len(text) == 0 || text[0] != mark {
			return nil, false
		}
		text = text[1:]
	}
	return text, true
}
