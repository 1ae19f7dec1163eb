using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>Hints to the caches.</summary>
internal static unsafe class CacheHint
{
    /// <summary>Bytes of a line.</summary>
    public const int Line = 64;

    /// <summary>Starts to bring a line into the second-level cache. The address need not be one of the process; nothing happens then, or on
    /// processors without such a hint.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* p)
    {
        if (Sse.IsSupported) Sse.Prefetch1(p);
    }

    /// <summary>Starts to bring the lines of some bytes in.</summary>
    public static void Prefetch(void* p, int bytes)
    {
        for (var x = 0; x < bytes; x += Line) Prefetch((byte*)p + x);
    }
}
