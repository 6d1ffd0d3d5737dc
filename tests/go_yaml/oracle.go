// Reads YAML texts as go-yaml v2 does, and writes what it read: the other side of go_yaml_test.cpp.
//
// Input, again and again: the length of a text in decimal, LF, the text. Output for each: "ok" or "error", a blank, the
// length of what follows, LF, and then the values in canonical form or go-yaml's message.
//
// Canonical form: a scalar is `"`, its length, `:`, its text; a sequence is `[`, its items, `]`; a mapping is `{`, its
// keys in order of bytes, each before its value, `}`. Every scalar is read into a Go string, as the fields of a buildspec
// are: its source text, and nothing for a null.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v2"
)

type kind int

const (
	scalar kind = iota
	sequence
	mapping
)

// The zero value is a null: go-yaml asks no Unmarshaler for it.
type value struct {
	kind    kind
	text    string
	items   []value
	entries map[string]value
}

// Takes any node, without looking into it: tells a list from what is none.
type anything struct{}

func (*anything) UnmarshalYAML(func(interface{}) error) error { return nil }
func (*anything) UnmarshalText([]byte) error                  { return nil }

func (v *value) UnmarshalYAML(unmarshal func(interface{}) error) error {
	*v = value{}
	err := unmarshal(&v.text)
	if _, wrongType := err.(*yaml.TypeError); !wrongType {
		return err
	}
	var list []anything
	err = unmarshal(&list)
	if _, wrongType := err.(*yaml.TypeError); !wrongType {
		if err != nil {
			return err
		}
		v.kind = sequence
		return unmarshal(&v.items)
	}
	v.kind = mapping
	return unmarshal(&v.entries)
}

// UnmarshalText is asked for a quoted "null" or "~": go-yaml takes these for nulls when it looks for an Unmarshaler,
// and for strings afterwards.
func (v *value) UnmarshalText(text []byte) error {
	*v = value{text: string(text)}
	return nil
}

func (v *value) write(out *strings.Builder) {
	writeText := func(text string) {
		out.WriteByte('"')
		out.WriteString(strconv.Itoa(len(text)))
		out.WriteByte(':')
		out.WriteString(text)
	}
	switch v.kind {
	case scalar:
		writeText(v.text)
	case sequence:
		out.WriteByte('[')
		for i := range v.items {
			v.items[i].write(out)
		}
		out.WriteByte(']')
	case mapping:
		out.WriteByte('{')
		keys := make([]string, 0, len(v.entries))
		for key := range v.entries {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			writeText(key)
			entry := v.entries[key]
			entry.write(out)
		}
		out.WriteByte('}')
	}
}

func read(text []byte) (verdict string, detail string) {
	defer func() {
		if problem := recover(); problem != nil {
			verdict, detail = "error", fmt.Sprint("panic: ", problem)
		}
	}()
	var root value
	if err := yaml.Unmarshal(text, &root); err != nil {
		return "error", err.Error()
	}
	var out strings.Builder
	root.write(&out)
	return "ok", out.String()
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	defer out.Flush()
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF && line == "" {
			return
		}
		length, failed := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil || failed != nil {
			fmt.Fprintln(os.Stderr, "oracle: a length is expected, not", strconv.Quote(line))
			os.Exit(2)
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(in, text); err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			os.Exit(2)
		}
		verdict, detail := read(text)
		fmt.Fprintf(out, "%s %d\n%s", verdict, len(detail), detail)
	}
}
