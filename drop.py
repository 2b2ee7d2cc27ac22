"""drop.py FILE NAME...: remove top-level (or Class.method) functions, classes, or assigned constants."""
import ast, sys, re
path, *names = sys.argv[1:]
src = open(path).read(); lines = src.split("\n"); tree = ast.parse(src)
cut = []
def start(node):
    return min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
found=set()
for node in tree.body:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
        cut.append((start(node), node.end_lineno)); found.add(node.name)
    elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in node.targets):
        cut.append((node.lineno, node.end_lineno)); found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    if isinstance(node, ast.ClassDef):
        for sub in node.body:
            if isinstance(sub, ast.FunctionDef) and f"{node.name}.{sub.name}" in names:
                cut.append((start(sub), sub.end_lineno)); found.add(f"{node.name}.{sub.name}")
missing = set(names) - found
if missing: print(path, "MISSING", missing)
for a, b in sorted(cut, reverse=True):
    del lines[a-1:b]
open(path, "w").write(re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)))
