"""An import-linter contract: an app is entered through its doors."""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class DoorsContract(Contract):
    """Keeps imports between the apps of ``package`` to the modules named ``doors``.

    ``open_packages`` may be entered anywhere. ``assembling_packages`` may enter anywhere.
    """

    type_name = "doors"

    package = fields.StringField()
    doors = fields.SetField(subfield=fields.StringField())
    open_packages = fields.SetField(subfield=fields.StringField(), required=False)
    assembling_packages = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = sorted(self._find_broken(graph))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def _find_broken(self, graph: ImportGraph) -> Iterator[tuple[str, str, int]]:
        for importer in graph.find_descendants(self.package):
            for imported in graph.find_modules_directly_imported_by(importer):
                if not self._may_import(importer, imported):
                    for details in graph.get_import_details(importer=importer, imported=imported):
                        yield importer, imported, details["line_number"]

    def _may_import(self, importer: str, imported: str) -> bool:
        root, _, inside = imported.partition(".")
        if root != self.package:
            return True
        app, _, module = inside.partition(".")
        own_app = importer.split(".")[1]
        return (
            app == own_app
            or own_app in (self.assembling_packages or ())
            or app in (self.open_packages or ())
            or module in self.doors
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported, line in check.metadata["broken"]:
            output.print_error(f"{importer} (line {line}) imports {imported}, which is no door", bold=False)
