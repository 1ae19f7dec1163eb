namespace PtxEmulator.Isa;

/// <summary>Names of instructions, which nothing else may be called (PTX ISA, "Reserved Instruction Keywords").</summary>
internal static class Keywords
{
    private static readonly HashSet<string> Reserved =
    [
        .. """
        abs activemask add addc alloca and applypriority atom bar barrier bfe bfi bfind bmsk bra brev brkpt brx call clz cnot copysign cos
        createpolicy cp cvt cvta discard div dp2a dp4a elect ex2 exit fence fma fns griddepcontrol isspacep istypep ld ldmatrix ldu lg2
        lop3 mad mad24 madc mapa match max mbarrier membar min mma mov movmatrix mul mul24 multimem nanosleep neg not or pmevent popc
        prefetch prefetchu prmt rcp red redux rem ret rsqrt sad selp set setmaxnreg setp shf shfl shl shr sin slct sqrt st stackrestore
        stacksave sub subc suld suq sured sust szext tanh tex testp tld4 trap txq vote wgmma wmma xor
        """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries),
    ];

    public static bool Contains(string name) => Reserved.Contains(name);
}
