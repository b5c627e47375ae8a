"""Makes the workbooks of this folder: `python make.py`, with openpyxl, xlwt and odfpy installed.

Each has the same sheets as far as its program can write them; what is in them is said in tests/workbook.rs.
"""

import datetime
from pathlib import Path

import openpyxl
import xlwt
from odf import table, text
from odf.opendocument import OpenDocumentSpreadsheet

HERE = Path(__file__).parent
AT = datetime.datetime(2026, 10, 25, 6, 0)
DAY = datetime.date(2026, 10, 25)
LONG = datetime.timedelta(hours=31, minutes=30)
HEADER = ["Id", "Navn", "Dato", "Inn", "Varighet", "Timer", "Fast"]


def by_openpyxl(name: str, is_1904: bool) -> None:
    book = openpyxl.Workbook()
    if is_1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    front = book.active
    front.title = "Forside"
    front["A1"] = "Ingenting"
    sheet = book.create_sheet("Timer")
    sheet.sheet_state = "hidden"
    sheet["A1"] = "Timeliste"
    sheet.merge_cells("A1:G1")
    for column, title in enumerate(HEADER, 1):
        sheet.cell(3, column, title)
    for row, values in [
        (4, ["0042", "Åse  Ø ", DAY, AT, LONG, 7.5, True]),
        (6, ["12345678901234567890", "=1+1", DAY, AT, LONG, 0.1 + 0.2, False]),
        (7, [42, None, None, None, None, None, None]),
        (8, [12345678901234567, None, None, None, None, None, None]),
    ]:
        for column, value in enumerate(values, 1):
            cell = sheet.cell(row, column)
            if value == "=1+1":
                cell.value, cell.data_type = value, "s"
            else:
                cell.value = value
    sheet["C4"].number_format = "dd.mm.yyyy"
    sheet["D4"].number_format = sheet["D6"].number_format = "dd.mm.yyyy hh:mm"
    sheet["E4"].number_format = sheet["E6"].number_format = "[h]:mm"
    sheet["A9"], sheet["B9"] = "formula", "=A4"
    sheet["A10"], sheet["B10"] = "error", "#N/A"
    sheet.row_dimensions[4].hidden = True
    sheet.merge_cells("A11:A12")
    sheet["A11"], sheet["B11"], sheet["B12"] = "merged", "first", "second"
    book.save(HERE / name)


def by_xlwt() -> None:
    book = xlwt.Workbook()
    book.add_sheet("Forside").write(0, 0, "Ingenting")
    sheet = book.add_sheet("Timer")
    for column, title in enumerate(HEADER):
        sheet.write(2, column, title)
    day, at = xlwt.easyxf(num_format_str="dd.mm.yyyy"), xlwt.easyxf(num_format_str="dd.mm.yyyy hh:mm")
    long = xlwt.easyxf(num_format_str="[h]:mm")
    for row, values in [
        (3, ["0042", "Åse  Ø ", DAY, AT, LONG, 7.5, True]),
        (5, ["12345678901234567890", "=1+1", DAY, AT, LONG, 0.1 + 0.2, False]),
        (6, [42]),
        (7, [12345678901234567]),
    ]:
        for column, value in enumerate(values):
            style = {2: day, 3: at, 4: long}.get(column, xlwt.Style.default_style)
            if column == 4:
                value = value.total_seconds() / 86400
            sheet.write(row, column, value, style)
    sheet.write(9, 0, "error")
    sheet.row(9).set_cell_error(1, "#N/A!")
    sheet.write_merge(10, 11, 0, 0, "merged")
    sheet.write(10, 1, "first")
    sheet.write(11, 1, "second")
    book.save(HERE / "xlwt.xls")


def by_odfpy() -> None:
    book = OpenDocumentSpreadsheet()
    front = table.Table(name="Forside")
    book.spreadsheet.addElement(front)
    sheet = table.Table(name="Timer")

    def row(*cells: table.TableCell, **more: str) -> None:
        line = table.TableRow(**more)
        for cell in cells:
            line.addElement(cell)
        sheet.addElement(line)

    def written(words: str, **more: str) -> table.TableCell:
        cell = table.TableCell(valuetype="string", **more)
        paragraph = text.P()
        before, spaces, behind = words.partition("  ")
        paragraph.addText(before)
        if spaces:
            paragraph.addText(" ")
            paragraph.addElement(text.S(c=1))
        paragraph.addText(behind.rstrip(" "))
        if behind.endswith(" "):
            paragraph.addElement(text.S(c=1))
        cell.addElement(paragraph)
        return cell

    def valued(kind: str, **more: str) -> table.TableCell:
        return table.TableCell(valuetype=kind, **more)

    row(written("Timeliste", numbercolumnsspanned=7))
    row(table.TableCell(numbercolumnsrepeated=1024))
    row(*map(written, HEADER))
    rest = [
        valued("date", datevalue="2026-10-25"),
        valued("date", datevalue="2026-10-25T06:00:00"),
        valued("time", timevalue="PT31H30M00S"),
    ]
    row(written("0042"), written("Åse  Ø "), *rest, valued("float", value="7.5"), valued("boolean", booleanvalue="true"))
    row(table.TableCell(numbercolumnsrepeated=1024))
    rest = [
        valued("date", datevalue="2026-10-25"),
        valued("date", datevalue="2026-10-25T06:00:00"),
        valued("time", timevalue="PT31H30M00S"),
    ]
    row(
        written("12345678901234567890"),
        written("=1+1"),
        *rest,
        valued("float", value="0.30000000000000004"),
        valued("boolean", booleanvalue="false"),
    )
    row(valued("float", value="42"))
    row(valued("float", value="12345678901234567"))
    row(written("formula"), table.TableCell(formula="of:=[.A4]"))
    error = valued("string", stringvalue="")
    error.setAttrNS("urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0", "value-type", "error")
    paragraph = text.P()
    paragraph.addText("#N/A")
    error.addElement(paragraph)
    row(written("error"), error)
    row(written("merged", numberrowsspanned=2), written("first"))
    row(table.CoveredTableCell(), written("second"))
    row(table.TableCell(numbercolumnsrepeated=1024), numberrowsrepeated=1048000)
    book.spreadsheet.addElement(sheet)
    book.save(HERE / "odfpy.ods")


by_openpyxl("openpyxl.xlsx", is_1904=False)
by_openpyxl("openpyxl-1904.xlsx", is_1904=True)
by_xlwt()
by_odfpy()
