// SPDX-License-Identifier: Apache-2.0

// verify-go checks a log's notes and proofs with code that is not ours: golang.org/x/mod's sumdb/note and sumdb/tlog.
//
//	verify-go FILE         every line must hold
//	verify-go -flip FILE   after any one changed byte, the line it stands in must fail
//
// FILE is text, one statement a line, words separated by one space; '#' begins a comment line. Bytes are in base64.
//
//	key VERIFIER           log key as note.NewVerifier takes it; its name is the origin
//	cosigner VERIFIER      the same, type 04: cosignature/v1
//	note NOTE              a signed note that must bear both lines; the lines after it speak of its tree
//	leaf INDEX LEAF HASH*  LEAF stands at INDEX: inclusion proof, leaf's sibling first
//	older NOTE HASH*       an earlier signed note of the same log, both lines: consistency proof
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// cosigner verifies cosignature/v1 of C2SP tlog-cosignature; sumdb/note knows only plain Ed25519.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), text)
	return ed25519.Verify(c.key, []byte(message), sig[8:])
}

func newCosigner(text string) (*cosigner, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	typed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(typed) != 1+ed25519.PublicKeySize || typed[0] != 4 {
		return nil, errors.New("not a key of type 04")
	}
	sum := sha256.Sum256([]byte(parts[0] + "\n" + string(typed)))
	if parts[1] != fmt.Sprintf("%08x", binary.BigEndian.Uint32(sum[:])) {
		return nil, errors.New("wrong key id")
	}
	return &cosigner{parts[0], binary.BigEndian.Uint32(sum[:]), typed[1:]}, nil
}

type tree struct {
	size int64
	root tlog.Hash
}

type checker struct {
	log     note.Verifier
	witness note.Verifier
	tree    tree
	counts  map[string]int
}

// open verifies both lines of a note and reads its three lines.
func (c *checker) open(word string) (tree, error) {
	bytes, err := base64.StdEncoding.Strict().DecodeString(word)
	if err != nil {
		return tree{}, err
	}
	if c.log == nil || c.witness == nil {
		return tree{}, errors.New("note before the keys")
	}
	opened, err := note.Open(bytes, note.VerifierList(c.log, c.witness))
	if err != nil {
		return tree{}, err
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return tree{}, fmt.Errorf("%d signatures hold, %d are unknown", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != c.log.Name() {
		return tree{}, errors.New("not a checkpoint of three lines under the log's name")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

func hashes(words []string) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, word := range words {
		h, err := tlog.ParseHash(word)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func (c *checker) leaf(words []string) error {
	index, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if err != nil {
		return err
	}
	proof, err := hashes(words[2:])
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, c.tree.size, c.tree.root, index, tlog.RecordHash(data))
}

func (c *checker) older(words []string) error {
	old, err := c.open(words[0])
	if err != nil {
		return err
	}
	proof, err := hashes(words[1:])
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, c.tree.size, c.tree.root, old.size, old.root)
}

// line checks one statement; it changes c only where the statement holds.
func (c *checker) line(text string) error {
	words := strings.Split(text, " ")
	need := map[string]int{"key": 2, "cosigner": 2, "note": 2, "leaf": 3, "older": 2}[words[0]]
	if need == 0 || len(words) < need {
		return errors.New("not a statement")
	}
	var err error
	switch words[0] {
	case "key":
		var v note.Verifier
		if v, err = note.NewVerifier(words[1]); err == nil {
			c.log = v
		}
	case "cosigner":
		var v *cosigner
		if v, err = newCosigner(words[1]); err == nil {
			c.witness = v
		}
	case "note":
		var t tree
		if t, err = c.open(words[1]); err == nil {
			c.tree = t
		}
	case "leaf":
		err = c.leaf(words[1:])
	case "older":
		err = c.older(words[1:])
	}
	if err == nil {
		c.counts[words[0]]++
	}
	return err
}

// flips counts the changes of one byte of a line that it was tried with, and fails if any of them still holds. Of base64
// words the bytes are changed, not the letters.
func (c *checker) flips(text string) (int, error) {
	words := strings.Split(text, " ")
	tried := 0
	try := func(at int, changed string) error {
		mutant := append([]string{}, words...)
		mutant[at] = changed
		copied := *c
		copied.counts = map[string]int{}
		tried++
		if copied.line(strings.Join(mutant, " ")) == nil {
			return fmt.Errorf("word %d changed to %s still holds", at, changed)
		}
		return nil
	}
	for at := 1; at < len(words); at++ {
		data, err := base64.StdEncoding.DecodeString(words[at])
		if err != nil || words[0] == "leaf" && at == 1 {
			data = nil
		}
		for i := range data {
			data[i] ^= 1 << (i % 8)
			if err := try(at, base64.StdEncoding.EncodeToString(data)); err != nil {
				return tried, err
			}
			data[i] ^= 1 << (i % 8)
		}
		for i := 0; data == nil && i < len(words[at]); i++ { // a number, or a verifier key
			changed := []byte(words[at])
			changed[i] ^= 1
			if err := try(at, string(changed)); err != nil {
				return tried, err
			}
		}
	}
	return tried, nil
}

func run(path string, flip bool) error {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c := &checker{counts: map[string]int{}}
	tried := 0
	for i, text := range strings.Split(strings.TrimSuffix(string(bytes), "\n"), "\n") {
		if strings.HasPrefix(text, "#") {
			continue
		}
		if err := c.line(text); err != nil {
			return fmt.Errorf("%s:%d: %v", path, i+1, err)
		}
		if flip {
			n, err := c.flips(text)
			tried += n
			if err != nil {
				return fmt.Errorf("%s:%d: %v", path, i+1, err)
			}
		}
	}
	for _, word := range []string{"key", "cosigner", "note", "leaf", "older"} {
		if c.counts[word] == 0 {
			return fmt.Errorf("%s: no line of kind %s: nothing was checked", path, word)
		}
	}
	fmt.Printf("%d notes, %d inclusion proofs, %d consistency proofs hold", c.counts["note"], c.counts["leaf"], c.counts["older"])
	if flip {
		fmt.Printf("; %d changed bytes all refused", tried)
	}
	fmt.Println()
	return nil
}

func main() {
	args := os.Args[1:]
	flip := len(args) == 2 && args[0] == "-flip"
	if flip {
		args = args[1:]
	}
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: verify-go [-flip] FILE")
		os.Exit(2)
	}
	if err := run(args[0], flip); err != nil {
		fmt.Fprintln(os.Stderr, "verify-go:", err)
		os.Exit(1)
	}
}
