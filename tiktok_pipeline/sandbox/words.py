"""Names and captions with all that real ones have: emoji, right-to-left text, long ones, empty ones."""

from tiktok_pipeline.sandbox.noise import dice, unit

_BRANDS = (
    "Kopi Senja", "Toko Melati", "Warung Ibu Sri", "Batik Lestari", "Rumah Kaktus", "Bakso Pak Min",
    "Northwind", "Casa Lumen", "Sora Ramen", "Blue Harbour", "Ayu Beauty", "Gerai Nusantara", "مقهى النخيل",
    "Café Été",
    "Pixel & Thread", "Martabak 88", "Studio Nara", "Green Spoon", "花间茶铺", "Zoë's Bakery",
)  # fmt: skip
_PLACES = (
    "Jakarta", "Bandung", "Surabaya", "Medan", "Bali", "Makassar", "Yogya", "Semarang", "Malang", "Bogor",
)  # fmt: skip
_BIOS = (
    "", "Open every day 08.00–22.00 ☕️", "Order by DM 📩\nShipping daily", "قهوة طازجة كل يوم", "Since 1998",
    "Official account ✅ No other branches", "100% handmade 🧵",
)  # fmt: skip
_OPENINGS = (
    "New in store today", "POV: you come in five minutes before closing", "Reply to @customer:", "Part 2",
    "Wait for it…", "How we make it, step by step", "Harga spesial minggu ini", "Siapa yang sudah coba?",
    "Things nobody tells you about opening a shop", "Behind the counter", "\"Just one more,\" she said",
    "Day 12 of posting until we sell out", "Packing an order with us", "اليوم عرض خاص",
    "جديد في المتجر لا تفوتوا الفرصة", "שבת שלום מהחנות", "新品上架", "C'est l'été à la boutique",
    "Naïve question: why is it so good",
)  # fmt: skip
_EMOJI = ("😂", "🔥", "❤️", "👨‍👩‍👧‍👦", "😱", "✨", "🙏🏽", "🇮🇩", "☕️", "🥹", "🏳️‍🌈", "1️⃣")
_TAGS = (
    "#fyp", "#foryou", "#foryoupage", "#viral", "#umkm", "#kopi", "#smallbusiness", "#jakarta", "#asmr",
    "#promo", "#отзывы", "#عرض", "#おすすめ", "#tiktokshop", "#behindthescenes", "#kuliner",
)  # fmt: skip
_STORIES = (
    "We started this shop with one table, two chairs and a machine that broke every Tuesday.",
    "Someone asked for the recipe again, so here it is: patience, good beans and a grandmother who tastes.",
    "Terima kasih untuk semua yang sudah datang, antre, menunggu dan tetap tersenyum.",
    "If you were in the video and would like to be taken out of it, send us a message.",
)


def _pick(choices: tuple[str, ...], key: int, salt: int) -> str:
    return choices[int(unit(key, salt) * len(choices))]


def display_name(index: int, key: int) -> str:
    """Return an account's display name."""
    name = _BRANDS[index % len(_BRANDS)]
    return f"{name} {_pick(_PLACES, key, 31)}" + (" ✨" if unit(key, 32) < 0.15 else "")


def username(index: int, key: int) -> str:
    """Return an account's handle, unique through the index."""
    letters = "".join(c for c in _BRANDS[index % len(_BRANDS)].lower() if c.isascii() and c.isalnum())
    return f"{letters or 'toko'}.{_pick(_PLACES, key, 31).lower()}{index}"


def bio(key: int) -> str:
    """Return an account's biography; some are empty."""
    return _pick(_BIOS, key, 33)


def caption(key: int) -> str:
    """Return a caption: one in 25 empty, a third with emoji, one in ten beyond the documented length."""
    kind, opening, emoji, blank, stories, tags, *more = dice(key, 41)
    if kind < 0.04:
        return ""
    parts = [_OPENINGS[int(opening * len(_OPENINGS))]]
    if emoji < 0.35:
        which = int(emoji / 0.35 * len(_EMOJI) * 3)
        parts.append(_EMOJI[which // 3] * (1 + which % 3))
    if kind > 0.9:
        parts.extend(_STORIES[int(n * len(_STORIES))] for n in more[5 : 7 + int(stories * 4)])
    parts.extend(_TAGS[int(n * len(_TAGS))] for n in more[: int(tags * 6)])
    # Captions in the wild end with a blank quite often; whoever strips them changes the data.
    return " ".join(parts) + (" " if blank < 0.2 else "")
