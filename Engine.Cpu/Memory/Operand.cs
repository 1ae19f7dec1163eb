using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Addresses of kernel operands.</summary>
internal static class Operand
{
    /// <summary>The first element, to be pinned by <c>fixed</c>; an absent tensor gives a null address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref T First<T>(Tensor? tensor) where T : unmanaged
    {
        if (tensor is null) return ref Unsafe.NullRef<T>();
        return ref tensor.HostElement<T>();
    }
}
