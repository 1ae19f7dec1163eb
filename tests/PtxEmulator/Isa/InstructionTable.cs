namespace PtxEmulator.Isa;

/// <summary>Every form of every instruction the emulator knows, with the first PTX version and target that have it (PTX ISA 8.x,
/// "PTX ISA Notes" and "Target ISA Notes" of each instruction).</summary>
/// <remarks>A line is: opcode, version, target, then the modifiers in their order. a|b is a choice, ? may be left out, a modifier with
/// its own needs is written name@version@target.</remarks>
internal static class InstructionTable
{
    private const string Text = """
        add 10 10 u16|u32|u64|s16|s32|s64
        add 10 10 sat s32
        add 10 10 rn|rz|rm@10@20|rp@10@20? ftz? sat? f32
        add 10 13 rn|rz|rm|rp? f64
        add 42 53 rn? ftz? sat? f16|f16x2
        add 78 90 rn? bf16|bf16x2
        sub 10 10 u16|u32|u64|s16|s32|s64
        sub 10 10 sat s32
        sub 10 10 rn|rz|rm@10@20|rp@10@20? ftz? sat? f32
        sub 10 13 rn|rz|rm|rp? f64
        sub 42 53 rn? ftz? sat? f16|f16x2
        sub 78 90 rn? bf16|bf16x2
        mul 10 10 lo|hi u16|u32|u64|s16|s32|s64
        mul 10 10 wide u16|u32|s16|s32
        mul 10 10 rn|rz|rm@10@20|rp@10@20? ftz? sat? f32
        mul 10 13 rn|rz|rm|rp? f64
        mul 42 53 rn? ftz? sat? f16|f16x2
        mul 78 90 rn? bf16|bf16x2
        mad 10 10 lo|hi u16|u32|u64|s16|s32|s64
        mad 10 10 wide u16|u32|s16|s32
        mad 10 10 hi sat s32
        mad 14 20 rn|rz|rm|rp ftz? sat? f32
        mad 14 13 rn|rz|rm|rp f64
        fma 20 20 rn|rz|rm|rp ftz? sat? f32
        fma 14 13 rn|rz|rm|rp f64
        fma 42 53 rn ftz? sat? f16|f16x2
        fma 70 80 rn relu? bf16|bf16x2
        div 10 10 u16|u32|u64|s16|s32|s64
        div 14 10 approx|full ftz? f32
        div 14 20 rn|rz|rm|rp ftz? f32
        div 14 13 rn|rz|rm|rp f64
        rem 10 10 u16|u32|u64|s16|s32|s64
        abs 10 10 s16|s32|s64
        abs 10 10 ftz? f32
        abs 10 13 f64
        neg 10 10 s16|s32|s64
        neg 10 10 ftz? f32
        neg 10 13 f64
        min 10 10 u16|u32|u64|s16|s32|s64
        min 10 10 ftz? NaN@70@80? xorsign@72@86? abs@72@86? f32
        min 10 13 f64
        max 10 10 u16|u32|u64|s16|s32|s64
        max 10 10 ftz? NaN@70@80? xorsign@72@86? abs@72@86? f32
        max 10 13 f64
        sqrt 14 10 approx ftz? f32
        sqrt 14 20 rn|rz|rm|rp ftz? f32
        sqrt 14 13 rn|rz|rm|rp f64
        rcp 14 10 approx ftz? f32
        rcp 14 20 rn|rz|rm|rp ftz? f32
        rcp 14 13 rn|rz|rm|rp f64
        rcp 21 20 approx ftz f64
        rsqrt 14 10 approx ftz? f32
        rsqrt 14 13 approx f64
        rsqrt 40 20 approx ftz f64
        ex2 14 10 approx ftz? f32
        lg2 14 10 approx ftz? f32
        sin 14 10 approx ftz? f32
        cos 14 10 approx ftz? f32
        tanh 70 75 approx f32
        copysign 20 20 f32|f64
        testp 20 20 finite|infinite|number|notanumber|normal|subnormal f32|f64
        and 10 10 pred|b16|b32|b64
        or 10 10 pred|b16|b32|b64
        xor 10 10 pred|b16|b32|b64
        not 10 10 pred|b16|b32|b64
        cnot 10 10 b16|b32|b64
        shl 10 10 b16|b32|b64
        shr 10 10 b16|b32|b64|u16|u32|u64|s16|s32|s64
        shf 32 32 l|r clamp|wrap b32
        lop3 43 50 b32
        prmt 20 20 b32
        bfe 20 20 u32|u64|s32|s64
        bfi 20 20 b32|b64
        popc 20 20 b32|b64
        clz 20 20 b32|b64
        brev 20 20 b32|b64
        bfind 20 20 shiftamt? u32|u64|s32|s64
        setp 10 10 eq|ne and|or|xor? b16|b32|b64
        setp 10 10 eq|ne|lt|le|gt|ge and|or|xor? s16|s32|s64
        setp 10 10 eq|ne|lt|le|gt|ge|lo|ls|hi|hs and|or|xor? u16|u32|u64
        setp 10 10 eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan and|or|xor? ftz? f32
        setp 10 13 eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan and|or|xor? f64
        selp 10 10 b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64@10@13
        slct 10 10 b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64@10@13 s32
        slct 10 10 ftz? b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64@10@13 f32
        mov 10 10 pred|b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64@10@13
        cvt 10 10 rni|rzi|rmi|rpi|rn|rz|rm|rp? ftz? sat? u8|u16|u32|u64|s8|s16|s32|s64|f16|f32|f64@10@13 u8|u16|u32|u64|s8|s16|s32|s64|f16|f32|f64@10@13
        cvt 70 80 rn|rz relu? bf16 f32
        cvt 70 80 rn|rz relu? f16x2|bf16x2 f32
        cvt 78 90 f32 bf16
        cvta 20 20 to? const@31@20|global|local|shared u32|u64
        ld 10 10 volatile@11@10? const|global|local|param|shared? ca@20@20|cg@20@20|cs@20@20|lu@20@20|cv@20@20? v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64@10@13
        ld 60 70 relaxed|acquire cta|gpu|sys global|shared? v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64
        ld 31 32 global ca|cg|cs? nc v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64
        ldu 20 20 global? v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64
        st 10 10 volatile@11@10? global|local|param@20@20|shared? wb@20@20|cg@20@20|cs@20@20|wt@20@20? v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64@10@13
        st 60 70 relaxed|release cta|gpu|sys global|shared? v2|v4? b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64
        prefetch 20 20 global|local? L1|L2
        atom 11 11 relaxed@60@70|acquire@60@70|release@60@70|acq_rel@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared@12@12? and|or|xor b32|b64@31@32
        atom 11 11 relaxed@60@70|acquire@60@70|release@60@70|acq_rel@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared@12@12? cas|exch b32|b64@12@12
        atom 63 70 relaxed|acquire|release|acq_rel? cta|gpu|sys? global|shared? cas b16
        atom 11 11 relaxed@60@70|acquire@60@70|release@60@70|acq_rel@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared@12@12? add u32|s32|u64@12@12|f32@20@20|f64@50@60
        atom 11 11 relaxed@60@70|acquire@60@70|release@60@70|acq_rel@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared@12@12? min|max u32|s32|u64@31@32|s64@31@32
        atom 11 11 relaxed@60@70|acquire@60@70|release@60@70|acq_rel@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared@12@12? inc|dec u32
        red 12 11 relaxed@60@70|release@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared? and|or|xor b32|b64@31@32
        red 12 11 relaxed@60@70|release@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared? add u32|s32|u64|f32@20@20|f64@50@60
        red 12 11 relaxed@60@70|release@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared? min|max u32|s32|u64@31@32|s64@31@32
        red 12 11 relaxed@60@70|release@60@70? cta@50@60|gpu@50@60|sys@50@60? global|shared? inc|dec u32
        bar 10 10 sync
        bar 60 30 warp sync
        bar 78 30 cta sync
        barrier 60 30 sync aligned?
        membar 14 10 cta|gl|sys@20@20
        fence 60 70 sc|acq_rel? cta|gpu|sys
        shfl 60 30 sync up|down|bfly|idx b32
        vote 60 30 sync all|any|uni pred
        vote 60 30 sync ballot b32
        activemask 62 30 b32
        cp 70 80 async ca|cg shared global
        cp 70 80 async commit_group|wait_all|wait_group
        bra 10 10 uni?
        call 10 10 uni?
        ret 10 10 uni?
        exit 10 10
        nanosleep 63 70 u32
        """;

    private static readonly Dictionary<string, InstructionForm[]> Forms = Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => InstructionForm.Parse(line.Trim())).GroupBy(f => f.Opcode).ToDictionary(g => g.Key, g => g.ToArray());

    /// <summary>Null if the module's version and target have the instruction; else what is wrong with it.</summary>
    public static string? Complaint(string opcode, string[] modifiers, int version, int target)
    {
        var name = modifiers.Length == 0 ? opcode : $"{opcode}.{string.Join('.', modifiers)}";
        if (!Forms.TryGetValue(opcode, out var forms)) return $"there is no instruction {opcode}";
        (int Version, int Target)? nearest = null;
        foreach (var form in forms)
        {
            if (form.Match(modifiers) is not { } needs) continue;
            if (needs.Version <= version && needs.Target <= target) return null;
            nearest ??= needs;
        }

        return nearest is { } need
            ? $"{name} wants PTX {need.Version / 10}.{need.Version % 10} and sm_{need.Target}; the module says {version / 10}.{version % 10} and sm_{target}"
            : $"{name} is no form of {opcode} (modifiers wrong, missing or out of order)";
    }
}
