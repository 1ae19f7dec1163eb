; What the compiled texts beside this file come from: llc 14 -O2 -march=nvptx64 -mcpu=sm_NN -mattr=+ptx70/71/72, and -O0.
target datalayout = "e-i64:64-i128:128-v16:16-v32:32-n16:32:64"
target triple = "nvptx64-nvidia-cuda"

@tile = internal addrspace(3) global [256 x float] undef, align 16
@table = internal addrspace(4) constant [4 x float] [float 1.0, float 2.0, float 4.0, float 8.0], align 4

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare void @llvm.nvvm.barrier0()
declare float @llvm.sqrt.f32(float)
declare float @llvm.fma.f32(float, float, float)

define internal float @polynomial(float %x, i32 %n) noinline {
entry:
  %none = icmp sle i32 %n, 0
  br i1 %none, label %out, label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %i1, %loop ]
  %s = phi float [ 1.0, %entry ], [ %s1, %loop ]
  %s1 = call float @llvm.fma.f32(float %s, float %x, float 1.0)
  %i1 = add i32 %i, 1
  %more = icmp slt i32 %i1, %n
  br i1 %more, label %loop, label %out
out:
  %r = phi float [ 0.0, %entry ], [ %s1, %loop ]
  ret float %r
}

define void @polynomials(float addrspace(1)* %y, float addrspace(1)* %x, i32 %count) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %n = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %o = mul i32 %b, %n
  %i = add i32 %o, %t
  %in = icmp ult i32 %i, %count
  br i1 %in, label %work, label %done
work:
  %w = zext i32 %i to i64
  %px = getelementptr float, float addrspace(1)* %x, i64 %w
  %v = load float, float addrspace(1)* %px, align 4
  %k = and i32 %i, 3
  %kw = zext i32 %k to i64
  %pt = getelementptr [4 x float], [4 x float] addrspace(4)* @table, i64 0, i64 %kw
  %c = load float, float addrspace(4)* %pt, align 4
  %p = call float @polynomial(float %v, i32 %k)
  %m = fmul float %p, %c
  %py = getelementptr float, float addrspace(1)* %y, i64 %w
  store float %m, float addrspace(1)* %py, align 4
  br label %done
done:
  ret void
}

define void @sums(float addrspace(1)* %y, float addrspace(1)* %x) {
entry:
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %o = shl i32 %b, 8
  %i = or i32 %o, %t
  %w = zext i32 %i to i64
  %px = getelementptr float, float addrspace(1)* %x, i64 %w
  %v = load float, float addrspace(1)* %px, align 4
  %tw = zext i32 %t to i64
  %mine = getelementptr [256 x float], [256 x float] addrspace(3)* @tile, i64 0, i64 %tw
  store float %v, float addrspace(3)* %mine, align 4
  call void @llvm.nvvm.barrier0()
  br label %loop
loop:
  %half = phi i32 [ 128, %entry ], [ %next, %join ]
  %on = icmp ult i32 %t, %half
  br i1 %on, label %add, label %join
add:
  %other = add i32 %t, %half
  %ow = zext i32 %other to i64
  %theirs = getelementptr [256 x float], [256 x float] addrspace(3)* @tile, i64 0, i64 %ow
  %a = load float, float addrspace(3)* %theirs, align 4
  %c = load float, float addrspace(3)* %mine, align 4
  %s = fadd float %a, %c
  store float %s, float addrspace(3)* %mine, align 4
  br label %join
join:
  call void @llvm.nvvm.barrier0()
  %next = lshr i32 %half, 1
  %more = icmp ne i32 %next, 0
  br i1 %more, label %loop, label %end
end:
  %first = icmp eq i32 %t, 0
  br i1 %first, label %write, label %done
write:
  %r = load float, float addrspace(3)* getelementptr ([256 x float], [256 x float] addrspace(3)* @tile, i64 0, i64 0), align 4
  %bw = zext i32 %b to i64
  %py = getelementptr float, float addrspace(1)* %y, i64 %bw
  store float %r, float addrspace(1)* %py, align 4
  br label %done
done:
  ret void
}

define void @locals(double addrspace(1)* %y) {
entry:
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %a = alloca [8 x i32], align 4
  br label %fill
fill:
  %i = phi i32 [ 0, %entry ], [ %i1, %fill ]
  %q = mul i32 %i, %t
  %iw = zext i32 %i to i64
  %p = getelementptr [8 x i32], [8 x i32]* %a, i64 0, i64 %iw
  store volatile i32 %q, i32* %p, align 4
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, 8
  br i1 %more, label %fill, label %read
read:
  %k = and i32 %t, 7
  %kw = zext i32 %k to i64
  %pk = getelementptr [8 x i32], [8 x i32]* %a, i64 0, i64 %kw
  %v = load volatile i32, i32* %pk, align 4
  %d = sitofp i32 %v to double
  %dd = fdiv double %d, 3.0
  %tw = zext i32 %t to i64
  %py = getelementptr double, double addrspace(1)* %y, i64 %tw
  store double %dd, double addrspace(1)* %py, align 8
  ret void
}

define void @bytes(i16 addrspace(1)* %y, i8 addrspace(1)* %x) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %tw = zext i32 %t to i64
  %px = getelementptr i8, i8 addrspace(1)* %x, i64 %tw
  %v = load i8, i8 addrspace(1)* %px, align 1
  %s = sext i8 %v to i16
  %m = mul i16 %s, 3
  %neg = icmp slt i16 %m, 0
  %z = sub i16 0, %m
  %ab = select i1 %neg, i16 %z, i16 %m
  %py = getelementptr i16, i16 addrspace(1)* %y, i64 %tw
  store i16 %ab, i16 addrspace(1)* %py, align 2
  ret void
}

!nvvm.annotations = !{!0, !1, !2, !3}
!0 = !{void (float addrspace(1)*, float addrspace(1)*, i32)* @polynomials, !"kernel", i32 1}
!1 = !{void (float addrspace(1)*, float addrspace(1)*)* @sums, !"kernel", i32 1}
!2 = !{void (double addrspace(1)*)* @locals, !"kernel", i32 1}
!3 = !{void (i16 addrspace(1)*, i8 addrspace(1)*)* @bytes, !"kernel", i32 1}
