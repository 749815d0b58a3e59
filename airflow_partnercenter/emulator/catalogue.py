"""What the generated partner sells, and how its customers are called."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Service:
    """A cloud service as the licence analytics name it.

    :param lag: how far behind the calendar its newest rows are; the two differ, so "latest" mixes dates.
    :param processed_at_midnight: whether the older endpoints print midnight or a time of the night.
    """

    code: str
    name: str
    lag: timedelta
    processed_at_midnight: bool


CRM = Service("crm", "Microsoft Dynamics", timedelta(days=4), processed_at_midnight=True)
O365 = Service("o365", "Microsoft Office 365", timedelta(days=1), processed_at_midnight=False)
SERVICES = (CRM, O365)


@dataclass(frozen=True)
class Workload:
    """A part of a service whose use is counted; ``share`` is the usual part of the deployed seats that use it."""

    code: str
    name: str
    share: float


EXCHANGE = Workload("EXO", "Exchange", 0.93)
SHAREPOINT = Workload("SPO", "SharePoint", 0.58)
SKYPE = Workload("SFB", "Skype For Business", 0.07)
TEAMS = Workload("TEAMS", "Teams", 0.81)
DYNAMICS = Workload("CRM", "Microsoft Dynamics CRM", 0.66)
SUITE = (EXCHANGE, SHAREPOINT, SKYPE, TEAMS)


@dataclass(frozen=True)
class Product:
    """A product; ``share`` is the usual part of a customer's people who get it."""

    id: str
    name: str
    service: Service
    workloads: tuple[Workload, ...]
    share: float


# IDs: Microsoft's list "Product names and service plan identifiers for licensing", upper case as E and F print them.
PRODUCTS = (
    Product("3B555118-DA6A-4418-894F-7DF1E2096870", "Microsoft 365 Business Basic", O365, SUITE, 0.4),
    Product("F245ECC8-75AF-4F8E-B61F-27D8114DE5F3", "Microsoft 365 Business Standard", O365, SUITE, 0.7),
    Product("CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46", "Microsoft 365 Business Premium", O365, SUITE, 0.8),
    Product("18181A46-0D4E-45CD-891E-60AABD171B4E", "Office 365 E1", O365, SUITE, 0.5),
    Product("6FD2C87F-B296-42F0-B197-1E91E994B900", "Office 365 E3", O365, SUITE, 0.8),
    Product("C7DF2760-2C81-4EF7-B578-5B5392B571DF", "Office 365 E5", O365, SUITE, 0.3),
    Product("05E9A617-0261-4CEE-BB44-138D3EF5D965", "Microsoft 365 E3", O365, SUITE, 0.6),
    Product("4B9405B0-7788-4568-ADD1-99614E613B69", "Exchange Online (Plan 1)", O365, (EXCHANGE,), 0.25),
    Product("19EC0D23-8335-4CBD-94AC-6050E30712FA", "Exchange Online (Plan 2)", O365, (EXCHANGE,), 0.1),
    Product("3AB6ABFF-666F-4424-BFB7-F0BC274EC7BC", "Microsoft Teams Essentials", O365, (TEAMS,), 0.2),
    Product("1E1A282C-9C54-43A2-9310-98EF728FAACE", "Dynamics 365 Sales Enterprise", CRM, (DYNAMICS,), 0.2),
    Product("749742BF-0D37-4158-A120-33567104DEEB", "Dynamics 365 Customer Service Enterprise", CRM, (DYNAMICS,), 0.15),
    Product("2880026B-2B0C-4251-8656-5D41FF11E3AA", "Dynamics 365 Business Central Essentials", CRM, (DYNAMICS,), 0.3),
    Product("F991CECC-3F91-4CD0-A9A8-BF1C8167E029", "Dynamics 365 Business Central Premium", CRM, (DYNAMICS,), 0.15),
)

# Real partners have customers like these, and reports must print them unharmed: umlauts, quotes, markup, a formula.
AWKWARD_NAMES = (
    "Müller & Söhne Maschinenbau GmbH",
    "O'Rourke Plumbing Ltd",
    'Verlag "Zeit & Raum" eG',
    "<script>alert('web')</script> Design Studio",
    "=SUM(A1:A9) Accounting, Inc.",
    "Łódź Żagle i Wiosła Sp. z o.o.",
)
STEMS = (
    "Alder",
    "Bergmann",
    "Birchwood",
    "Brückner",
    "Calloway",
    "Castellano",
    "Dahlström",
    "Eichhorn",
    "Fairhaven",
    "Ferreira",
    "Glenmoor",
    "Grünfeld",
    "Hallqvist",
    "Hawthorn",
    "Ilmarinen",
    "Jørgensen",
    "Kastanie",
    "Kingsbrook",
    "Lindqvist",
    "Löwenberg",
    "Marlowe",
    "Montclair",
    "Nordlicht",
    "Oakhurst",
    "Pellegrini",
    "Quellental",
    "Rosendahl",
    "Saint-Aubin",
    "Silberbach",
    "Thornbury",
    "Ullrich",
    "Vanterpool",
    "Weidenhof",
    "Wolfsgrund",
    "Yarrow",
    "Zirbelholz",
)
TRADES = (
    "Logistics",
    "Dental Care",
    "Maschinenbau",
    "Architects",
    "Bäckerei",
    "Consulting",
    "Engineering",
    "Foods",
    "Haustechnik",
    "Immobilien",
    "Insurance Brokers",
    "Kliniken",
    "Law",
    "Marine",
    "Optics",
    "Packaging",
    "Pharma",
    "Schulen",
    "Solar",
    "Textiles",
    "Tourism",
    "Vineyards",
    "Werkzeuge",
)
FORMS = ("GmbH", "Ltd", "AG", "Inc.", "AB", "S.r.l.", "KG")


def customer_name(number: int) -> str:
    """Return the name of the customer with this number; different numbers have different names."""
    if number % 7 == 2 and number // 7 < len(AWKWARD_NAMES):
        return AWKWARD_NAMES[number // 7]
    block, place = divmod(number, len(STEMS) * len(TRADES))
    stem, trade = place % len(STEMS), (place + place // len(STEMS)) % len(TRADES)
    # a stem keeps its legal form within a trade, so names repeat only after all pairs, and then carry a number
    suffix = f" {block + 1}" if block else ""
    return f"{STEMS[stem]} {TRADES[trade]}{suffix} {FORMS[(stem + trade) % len(FORMS)]}"
