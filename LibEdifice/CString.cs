using System.Runtime.InteropServices;

namespace Edifice.C;

/// <summary>A text as C reads it: UTF-8 with a zero byte at its end, in native memory.</summary>
internal sealed unsafe class CString : IDisposable
{
    public CString(string text) => Pointer = (byte*)Marshal.StringToCoTaskMemUTF8(text);

    ~CString() => Free();

    public byte* Pointer { get; private set; }

    /// <summary>The text at an address that C gave.</summary>
    /// <exception cref="CallException">The address is null.</exception>
    public static string Read(byte* text, string name) =>
        Marshal.PtrToStringUTF8((nint)text) ?? throw new CallException(Status.NullArgument, $"{name} is null");

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        Marshal.FreeCoTaskMem((nint)Pointer);
        Pointer = null;
    }
}
