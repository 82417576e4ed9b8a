package random

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/bcrypt"
)

// classes are the character classes of passwords and strings, by the input that switches each.
var classes = []struct{ name, minimum, alphabet string }{
	{"lower", "minLower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"numeric", "minNumeric", "0123456789"},
	{"special", "minSpecial", "!@#$%&*()-_=+[]{}<>:?"},
}

func validate(inputs object) *pulumirpc.CheckFailure {
	for _, name := range []string{"length", "byteLength"} {
		if size, given := inputs[name].(float64); given && size < 1 {
			return &pulumirpc.CheckFailure{Property: name, Reason: fmt.Sprintf("must be at least 1, got: %v", size)}
		}
	}
	if inputs["lower"] == nil {
		return nil // not a text of characters
	}
	if inputs["number"] != inputs["numeric"] {
		return &pulumirpc.CheckFailure{Property: "number", Reason: "is an older name of numeric and must not differ from it"}
	}
	enabled, minimum := false, 0.0
	for _, class := range classes {
		enabled = enabled || inputs[class.name] == true
		minimum += inputs[class.minimum].(float64)
	}
	if !enabled && minimum == 0 {
		return &pulumirpc.CheckFailure{Property: "special", Reason: "at least one of lower, upper, numeric and special must be true"}
	}
	if length, _ := inputs["length"].(float64); minimum > length {
		return &pulumirpc.CheckFailure{Property: "length",
			Reason: fmt.Sprintf("must be at least %v, the sum of minLower, minUpper, minNumeric and minSpecial, got: %v", minimum, length)}
	}
	return nil
}

func pick(alphabet string) (byte, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
	if err != nil {
		return 0, err
	}
	return alphabet[n.Int64()], nil
}

// compose draws the minimum of each class, fills up from all enabled ones, and shuffles.
func compose(inputs object) (string, error) {
	length := int(inputs["length"].(float64))
	var slots []string
	all := ""
	for _, class := range classes {
		alphabet := class.alphabet
		if override, given := inputs["overrideSpecial"].(string); given && class.name == "special" && override != "" {
			alphabet = override
		}
		for range int(inputs[class.minimum].(float64)) {
			slots = append(slots, alphabet)
		}
		if inputs[class.name] == true {
			all += alphabet
		}
	}
	if len(slots) > length || len(slots) < length && all == "" {
		return "", fmt.Errorf("no text of %d characters fits the inputs", length)
	}
	for len(slots) < length {
		slots = append(slots, all)
	}
	out := make([]byte, length)
	for i := range out {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(length-i)))
		if err != nil {
			return "", err
		}
		j := i + int(n.Int64())
		slots[i], slots[j] = slots[j], slots[i]
		if out[i], err = pick(slots[i]); err != nil {
			return "", err
		}
	}
	return string(out), nil
}

func password(inputs object) (string, object, error) {
	value, err := compose(inputs)
	if err != nil {
		return "", nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(value)[:min(len(value), 72)], bcrypt.DefaultCost) // bcrypt reads 72 bytes at most
	return "none", object{"id": "none", "result": value, "bcryptHash": string(hash)}, err
}

func text(inputs object) (string, object, error) {
	value, err := compose(inputs)
	return value, object{"id": value, "result": value}, err
}

func draw(size any) ([]byte, error) {
	raw := make([]byte, int(size.(float64)))
	_, err := rand.Read(raw)
	return raw, err
}

func identifier(inputs object) (string, object, error) {
	raw, err := draw(inputs["byteLength"])
	prefix, _ := inputs["prefix"].(string)
	id := base64.RawURLEncoding.EncodeToString(raw)
	return id, object{"id": id, "b64Url": prefix + id, "b64Std": prefix + base64.StdEncoding.EncodeToString(raw),
		"hex": prefix + hex.EncodeToString(raw), "dec": prefix + new(big.Int).SetBytes(raw).String()}, err
}

func bytes(inputs object) (string, object, error) {
	raw, err := draw(inputs["length"])
	id := base64.StdEncoding.EncodeToString(raw)
	return id, object{"base64": id, "hex": hex.EncodeToString(raw)}, err
}

func uuid(object) (string, object, error) {
	raw, err := draw(16.0)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80 // version 4, RFC 9562 variant
	id := fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
	return id, object{"id": id, "result": id}, err
}
