"""Text of any kind becomes tokens, always the same ones."""

import subprocess
import sys

from models.data.text import clean, encode, learn_tokenizer
from models.settings import TextSettings

SETTINGS = TextSettings(title_tokens=5, overlay_tokens=3, vocabulary=200)
TEXTS = ["the cat sat", "the dog sat", "日本語 のテスト", "привет мир привет", "שלום עולם", "नमस्ते", "😀😀"]


def test_any_script_control_characters_and_empty_texts():
    tokenizer = learn_tokenizer(TEXTS, SETTINGS)
    odd = ["", "\x00\x01zero\x00byte", "\u202eabc", "lone surrogate \ud800", "x" * 100_000, *TEXTS]
    ids, mask = encode(tokenizer, odd, odd, SETTINGS)
    assert ids.shape == (len(odd), 5 + 3 + 3)
    assert (ids[:, 0] == tokenizer.cls_token_id).all()
    assert mask[0].sum() == 3
    assert int(ids.max()) < len(tokenizer)
    assert (ids[mask == 0] == tokenizer.pad_token_id).all()


def test_the_title_cannot_push_the_overlay_text_out():
    tokenizer = learn_tokenizer(TEXTS, SETTINGS)
    ids, _ = encode(tokenizer, ["the cat " * 50], ["dog"], SETTINGS)
    text = tokenizer.decode(ids[0])
    assert text.count("[SEP]") == 2
    assert "dog" in text or "d" in text


def test_clean_cuts_and_normalises():
    assert clean(None) == ""
    assert clean("a\x00b") == "a b"
    assert len(clean("x" * 100_000)) == 4_096
    assert clean("e\u0301") == "é"


def test_the_vocabulary_is_a_function_of_the_texts_alone():
    script = (
        "from models.data.text import learn_tokenizer; from models.settings import TextSettings; import hashlib;"
        "texts = [f'word{i % 37} {chr(945 + i % 20)} other{i % 11}' for i in range(400)];"
        "text = learn_tokenizer(texts, TextSettings(vocabulary=120)).backend_tokenizer.to_str();"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    seen = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(seen) == 1
