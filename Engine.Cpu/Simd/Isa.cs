using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>Work written over lanes of any width.</summary>
internal interface ILanesAction<T> where T : unmanaged
{
    /// <summary>Does the work in registers of type <typeparamref name="V"/>.</summary>
    void Invoke<V>() where V : unmanaged, ILanes<V, T>;
}

/// <summary>Which registers this machine has. Constants to the just-in-time compiler; the choice is made once per kernel call,
/// outside the loops.</summary>
/// <remarks>Under ahead-of-time compilation the answer is fixed when the program is published: x64 code has 128-bit
/// registers unless <c>IlcInstructionSet</c> names more (<c>x86-64-v3</c>: 256 bits, <c>x86-64-v4</c>: 512), and then runs
/// on such machines only.</remarks>
internal static class Isa
{
    /// <summary>512-bit registers with masks, for all element sizes. <c>Vector512.IsHardwareAccelerated</c> would be false
    /// on machines where the runtime prefers 256 bits although the kernels here gain from 512.</summary>
    public static bool Has512
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported;
    }

    /// <summary>256-bit registers with fused multiply-add.</summary>
    public static bool Has256
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx2.IsSupported && Fma.IsSupported;
    }

    /// <summary>Runs the action in the widest registers there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<T, TAction>(ref TAction action)
        where T : unmanaged
        where TAction : struct, ILanesAction<T>
    {
        if (Has512) action.Invoke<Lanes512<T>>();
        else if (Has256) action.Invoke<Lanes256<T>>();
        else action.Invoke<Lanes128<T>>();
    }
}
