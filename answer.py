import tokenize, io, sys
for p in sys.argv[1:]:
    s=open(p).read(); lines=s.split("\n"); edits=[]; depth=0; prev=None
    toks=list(tokenize.generate_tokens(io.StringIO(s).readline))
    for i,t in enumerate(toks):
        if t.type==tokenize.OP:
            if t.string in "([{": depth+=1
            elif t.string in ")]}": depth-=1
        if t.type==tokenize.NAME and t.string in("answer","answers"):
            nxt=toks[i+1].string
            if not(prev in(".","def") or (nxt=="=" and depth>0)):
                edits.append((t.start,t.end,t.string))
        if t.type not in (tokenize.NL,tokenize.COMMENT,tokenize.INDENT,tokenize.DEDENT,tokenize.NEWLINE): prev=t.string
        elif t.type==tokenize.NEWLINE: prev=None
    for (r,c),(r2,c2),w in reversed(edits):
        l=lines[r-1]; lines[r-1]=l[:c]+("response" if w=="answer" else "responses")+l[c2:]
    open(p,"w").write("\n".join(lines))
